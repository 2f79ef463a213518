"""Events of jobs in DynamoDB."""

import heapq
from collections.abc import Iterator
from itertools import islice

from penstock.aws.jobs.items import (
    LAST_EVENT,
    UNPUBLISHED,
    event_key,
    event_part,
    job_place,
    shards,
)
from penstock.aws.jobs.readable_items import readable_event
from penstock.aws.services.dynamo_table import (
    ConditionFailedError,
    DynamoTable,
    Item,
    ItemWrite,
    key_of,
)
from penstock.model.event import JobEvent
from penstock.model.job_id import is_job_id


class DynamoJobEvents:
    """Events of the table that items.py describes, beside their jobs.

    What nobody published yet is in an index, which lags behind by a moment: an event may be given a
    moment late, and none that was published is given again. Events are ordered by the clocks of
    those who made them, and those of one job by what happened to it. One that can't be read is
    passed over, and told of by the log.
    """

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def after(self, tenant: str, job_id: str, seq: int) -> list[JobEvent]:
        if not is_job_id(job_id):
            return []
        pages = self._table.query(
            "#place = :place AND #part BETWEEN :first AND :last",
            {
                "place": {"S": job_place(tenant, job_id)},
                "first": {"S": event_part(max(seq, -1) + 1)},
                "last": {"S": LAST_EVENT},
            },
            names=["place", "part"],
        )
        read = (readable_event(item) for page in pages for item in page)
        return [event for event in read if event is not None]

    def unpublished(self, *, limit: int) -> list[JobEvent]:
        waiting: list[JobEvent] = []
        listed = heapq.merge(
            *(self._listed(shard, at_once=limit) for shard in shards("outbox")),
            key=lambda item: item["told"]["S"],
        )
        while len(waiting) < limit and (keys := [key_of(item) for item in islice(listed, limit)]):
            items = self._table.get_all(keys)
            # By now one may be published.
            read = (readable_event(items[key]) for key in keys if "outbox" in items.get(key, ()))
            waiting += [event for event in read if event is not None]
        return _in_order(waiting[:limit])

    def _listed(self, shard: str, *, at_once: int) -> Iterator[Item]:
        for page in self._table.query(
            "#outbox = :outbox",
            {"outbox": {"S": shard}},
            names=["outbox"],
            index=UNPUBLISHED,
            at_once=at_once,
        ):
            yield from page

    def published(self, event: JobEvent) -> None:
        place, part = event_key(event)
        try:
            self._table.write(
                ItemWrite(
                    operation="Update",
                    place=place,
                    part=part,
                    update="REMOVE #outbox, #told",
                    condition="attribute_exists(#outbox)",
                    names=frozenset({"outbox", "told"}),
                )
            )
        except ConditionFailedError:
            return


def _in_order(events: list[JobEvent]) -> list[JobEvent]:
    """Give each job's events, in the places that they have, in the order of their numbers."""
    by_job: dict[tuple[str, str], list[JobEvent]] = {}
    for event in sorted(events, key=lambda event: event.seq, reverse=True):
        by_job.setdefault((event.tenant, event.job_id), []).append(event)
    return [by_job[(event.tenant, event.job_id)].pop() for event in events]
