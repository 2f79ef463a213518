"""What a sweeper asks of jobs in DynamoDB."""

from collections.abc import Iterator
from datetime import datetime

from penstock.aws.jobs.items import (
    BY_EXPIRY,
    BY_STAGE,
    EVENT,
    JOB,
    job_place,
    observation_attribute,
    observation_of,
    shards,
    text_of,
)
from penstock.aws.jobs.readable_items import readable_job
from penstock.aws.services.dynamo_table import (
    ConditionFailedError,
    DynamoTable,
    Item,
    ItemWrite,
    key_of,
)
from penstock.model.job import Job
from penstock.model.job_id import is_job_id
from penstock.ports import Observation

_PAGE = 100


class DynamoJobUpkeep:
    """The table that items.py describes; its indexes hold keys, and jobs are read by those.

    What an index doesn't know yet, the next sweep finds. Holds a hundred jobs at once. One that
    can't be read is passed over, and told of by the log: it holds no other up.

    A job is removed in three steps: its events, the job, and what came meanwhile. A process that
    dies between them leaves a job that the next sweep removes, or events of none. Its idempotency
    key stays, and is removed by the table once it counts no longer.
    """

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def unfinished(self) -> Iterator[tuple[Job, Observation | None]]:
        for shard in shards("unfinished"):
            for item in self._found(BY_STAGE, "stage", shard):
                job = readable_job(item)
                if job is not None and not job.is_over:
                    yield job, observation_of(item)

    def observe(self, job: Job, observation: Observation) -> None:
        try:
            self._table.write(
                ItemWrite(
                    operation="Update",
                    place=job_place(job.tenant, job.id),
                    part=JOB,
                    update="SET #observed = :observed",
                    condition="attribute_exists(#place)",
                    names=frozenset({"observed", "place"}),
                    values={"observed": observation_attribute(observation)},
                )
            )
        except ConditionFailedError:
            return

    def outdated(self, *, now: datetime, rows_before: datetime) -> Iterator[Job]:
        for shard in shards("ended"):
            for item in self._found(BY_STAGE, "stage", shard, until=("created", "<", rows_before)):
                job = readable_job(item)
                if job is not None and job.is_over:
                    yield job
        for shard in shards("expiring"):
            for item in self._found(BY_EXPIRY, "expiring", shard, until=("expires", "<=", now)):
                job = readable_job(item)
                if job is not None and job.has_result and job.created >= rows_before:
                    yield job

    def remove(self, tenant: str, job_id: str) -> None:
        if not is_job_id(job_id):
            return
        place = job_place(tenant, job_id)
        self._remove_events(place)
        if self._table.write(ItemWrite(operation="Delete", place=place, part=JOB)):
            self._remove_events(place)

    def _found(
        self, index: str, name: str, shard: str, *, until: tuple[str, str, datetime] | None = None
    ) -> Iterator[Item]:
        """Give the items of an index's place, as they are now; `until` bounds what orders them."""
        condition, values, names = f"#{name} = :{name}", {name: {"S": shard}}, [name]
        if until is not None:
            order, sign, moment = until
            condition += f" AND #{order} {sign} :{order}"
            values[order] = {"S": text_of(moment)}
            names.append(order)
        for page in self._table.query(condition, values, names=names, index=index, at_once=_PAGE):
            keys = [key_of(item) for item in page]
            items = self._table.get_all(keys)
            yield from (items[key] for key in keys if key in items)

    def _remove_events(self, place: str) -> None:
        for page in self._table.query(
            "#place = :place AND begins_with(#part, :event)",
            {"place": {"S": place}, "event": {"S": EVENT}},
            names=["place", "part"],
        ):
            self._table.delete_all([key_of(item) for item in page])
