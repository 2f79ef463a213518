"""Events of jobs in DynamoDB."""

from itertools import islice

from penstock.aws.jobs.items import (
    LAST_EVENT,
    UNPUBLISHED,
    event_key,
    event_of_item,
    event_part,
    job_place,
    shards,
)
from penstock.aws.services.records import Records, RefusedError, Write, key_of
from penstock.model.event import JobEvent
from penstock.model.job import is_job_id


class DynamoJobEvents:
    """Events of the table that items.py describes, beside their jobs.

    What nobody published yet is in an index, which lags behind by a moment: an event may be given a
    moment late, and none that was published is given again. Events are ordered by the clocks of
    those who made them, and those of one job by what happened to it.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    def after(self, tenant: str, job_id: str, seq: int) -> list[JobEvent]:
        if not is_job_id(job_id):
            return []
        pages = self._records.query(
            "#place = :place AND #part BETWEEN :first AND :last",
            {
                "place": {"S": job_place(tenant, job_id)},
                "first": {"S": event_part(max(seq, -1) + 1)},
                "last": {"S": LAST_EVENT},
            },
            names=["place", "part"],
        )
        return [event_of_item(item) for page in pages for item in page]

    def unpublished(self, *, limit: int) -> list[JobEvent]:
        listed = []
        for shard in shards("outbox"):
            pages = self._records.query(
                "#outbox = :outbox",
                {"outbox": {"S": shard}},
                names=["outbox"],
                index=UNPUBLISHED,
                at_once=limit,
            )
            listed += list(islice((item for page in pages for item in page), limit))
        listed.sort(key=lambda item: item["told"]["S"])
        items = self._records.get_all([key_of(item) for item in listed[:limit]])
        waiting = [
            event_of_item(items[key])
            for key in map(key_of, listed[:limit])
            if "outbox" in items.get(key, ())
        ]
        return _in_order(waiting)

    def published(self, event: JobEvent) -> None:
        place, part = event_key(event)
        try:
            self._records.write(
                Write(
                    operation="Update",
                    place=place,
                    part=part,
                    update="REMOVE #outbox, #told",
                    condition="attribute_exists(#outbox)",
                    names=frozenset({"outbox", "told"}),
                )
            )
        except RefusedError:
            return


def _in_order(events: list[JobEvent]) -> list[JobEvent]:
    """Give each job's events, in the places that they have, in the order of their numbers."""
    by_job: dict[tuple[str, str], list[JobEvent]] = {}
    for event in sorted(events, key=lambda event: event.seq, reverse=True):
        by_job.setdefault((event.tenant, event.job_id), []).append(event)
    return [by_job[(event.tenant, event.job_id)].pop() for event in events]
