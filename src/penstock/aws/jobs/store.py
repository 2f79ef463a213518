"""Jobs in DynamoDB."""

import secrets
from datetime import datetime
from math import ceil

from penstock.aws.jobs.items import (
    BY_TENANT,
    BY_USER,
    EXPIRES_ATTRIBUTE,
    JOB,
    KEY,
    OPTIONAL,
    attributes_of,
    attributes_of_event,
    event_key,
    job_of,
    job_place,
    key_place,
    lasting_attributes_of,
    owner,
    progress_attributes,
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
from penstock.errors import (
    ContendedError,
    IdempotencyMismatchError,
    IdempotencyPendingError,
    RemovedJobError,
    StaleJobError,
    UnknownJobError,
)
from penstock.model.event import JobEvent
from penstock.model.job import KEY_KEPT, Job
from penstock.model.job_id import is_job_id
from penstock.model.job_state import WORKING
from penstock.model.progress import Progress
from penstock.ports import JobFilter

_REPORTING = WORKING | {"CANCELLING"}
"""States in which an attempt may still say how far it is."""

_LOOKS = 4
_LISTED_AT_ONCE = 100


class DynamoJobStore:
    """The table that items.py describes.

    A step is one conditional write, and with an event one transaction of two: both or neither. An
    idempotency key is an item, put in the transaction of its job on condition that there is none,
    or an outdated one. A report is one conditional write, of one item, and two where an attempt has
    not come as far as one before it. Lists come from indexes that lag behind by a moment; each job
    in them is as it is now, and one that can't be read is in none.

    A process that dies leaves the step before or the step after.
    """

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def add(self, job: Job, event: JobEvent) -> Job:
        writes = [
            ItemWrite(
                operation="Put",
                place=job_place(job.tenant, job.id),
                part=JOB,
                item=lasting_attributes_of(job) | attributes_of(job),
                condition="attribute_not_exists(#place)",
                names=frozenset({"place"}),
            ),
            _put(event),
        ]
        if job.idempotency_key is not None:
            writes.append(_claim(job))
        for _ in range(_LOOKS):
            try:
                self._table.write_all(*writes)
            except ConditionFailedError as error:
                own, _, *keys = error.stored
                if own:
                    return job_of(own)
                before = self._before(job, keys[0] if keys else None)
                if before is not None:
                    return before
            except ContendedError as error:
                if job.idempotency_key is None:
                    raise
                before = self._before(job, self._table.get(_key_place(job), KEY))
                if before is None:
                    raise IdempotencyPendingError from error
                return before
            else:
                return job
        raise IdempotencyPendingError

    def get(self, tenant: str, job_id: str) -> Job:
        item = self._table.get(job_place(tenant, job_id), JOB) if is_job_id(job_id) else None
        if item is None:
            raise UnknownJobError
        return job_of(item)

    def list(
        self, tenant: str, wanted: JobFilter, *, limit: int, before: str | None = None
    ) -> list[Job]:
        if limit < 1 or before == "":
            return []
        mine = wanted.user is not None
        name, value = ("owner", owner(tenant, wanted.user or "")) if mine else ("tenant", tenant)
        condition, values, names = f"#{name} = :{name}", {name: {"S": value}}, [name]
        if before is not None:
            condition += " AND #id < :id"
            values["id"] = {"S": before}
            names.append("id")
        sieve = [each for each in ("kind", "state") if getattr(wanted, each) is not None]
        values |= {each: {"S": getattr(wanted, each)} for each in sieve}
        found: list[Job] = []
        for page in self._table.query(
            condition,
            values,
            names=[*names, *sieve],
            index=BY_USER if mine else BY_TENANT,
            filtered=" AND ".join(f"#{each} = :{each}" for each in sieve),
            newest_first=True,
            at_once=None if sieve else min(limit, _LISTED_AT_ONCE),
        ):
            for start in range(0, len(page), _LISTED_AT_ONCE):
                keys = [key_of(item) for item in page[start : start + _LISTED_AT_ONCE]]
                items = self._table.get_all(keys)
                jobs = (readable_job(items[key]) for key in keys if key in items)
                found += [job for job in jobs if job is not None and _is_wanted(job, wanted)]
                if len(found) >= limit:
                    return found[:limit]
        return found

    def advance(
        self, job: Job, *, was_version: int, fencing_token: int, event: JobEvent | None = None
    ) -> None:
        step = _replacement(job, was_version=was_version, fencing_token=fencing_token)
        try:
            if event is None:
                self._table.write(step)
            else:
                self._table.write_all(step, _put(event))
        except ConditionFailedError as error:
            (stored, *_) = error.stored
            if not stored:
                raise UnknownJobError from error
            if stored.get("step") != step.values["step"]:
                raise StaleJobError(job.id) from error
            # The answer to this very step was lost, and the client asked again.

    def report(
        self, tenant: str, job_id: str, progress: Progress, *, fencing_token: int, now: datetime
    ) -> Job:
        stored: Job | None = None
        while stored is None or _takes(stored, progress, fencing_token):
            rises = stored is None or stored.high_water <= progress.done
            report = _report(job_place(tenant, job_id), progress, fencing_token, now, rises=rises)
            try:
                return job_of(self._table.write(report))
            except ConditionFailedError as error:
                (found, *_) = error.stored
                if not found:
                    raise UnknownJobError from error
                stored = job_of(found)
        return stored

    def _before(self, job: Job, key: Item | None) -> Job | None:
        """Give the job that a key made before, None if the key is free by now.

        Raises IdempotencyMismatchError, and RemovedJobError where that job is no longer stored.
        """
        if not key or key["created"]["S"] <= text_of(job.created - KEY_KEPT):
            return None
        if (key["kind"]["S"], key["type"]["S"], key["params_hash"]["S"]) != (
            job.kind,
            job.type,
            job.params_hash,
        ):
            raise IdempotencyMismatchError
        job_id = key["job"]["S"]
        try:
            return self.get(job.tenant, job_id)
        except UnknownJobError as error:
            # They were stored together.
            raise RemovedJobError(job_id) from error


def _put(event: JobEvent) -> ItemWrite:
    place, part = event_key(event)
    return ItemWrite(operation="Put", place=place, part=part, item=attributes_of_event(event))


def _key_place(job: Job) -> str:
    return key_place(job.tenant, job.user, job.idempotency_key or "")


def _claim(job: Job) -> ItemWrite:
    """Put a job's idempotency key, where there is none that counts."""
    texts = {
        "job": job.id,
        "kind": job.kind,
        "type": job.type,
        "params_hash": job.params_hash,
        "created": text_of(job.created),
    }
    if job.request_hash is not None:
        texts["request_hash"] = job.request_hash
    return ItemWrite(
        operation="Put",
        place=_key_place(job),
        part=KEY,
        item={
            **{name: {"S": text} for name, text in texts.items()},
            EXPIRES_ATTRIBUTE: {"N": str(ceil((job.created + KEY_KEPT).timestamp()))},
        },
        condition="attribute_not_exists(#place) OR #created <= :outdated",
        names=frozenset({"place", "created"}),
        values={"outdated": {"S": text_of(job.created - KEY_KEPT)}},
    )


def _replacement(job: Job, *, was_version: int, fencing_token: int) -> ItemWrite:
    """Replace all that is stored of a job but what was observed of it."""
    written = attributes_of(job) | {"step": {"S": secrets.token_hex(8)}}
    gone = sorted(OPTIONAL - written.keys())
    update = "SET " + ", ".join(f"#{name} = :{name}" for name in written)
    if gone:
        update += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    return ItemWrite(
        operation="Update",
        place=job_place(job.tenant, job.id),
        part=JOB,
        update=update,
        condition="#version = :was_version AND #fencing_token = :was_token",
        names=frozenset(written) | frozenset(gone),
        values={
            **written,
            "was_version": {"N": str(was_version)},
            "was_token": {"N": str(fencing_token)},
        },
    )


def _report(
    place: str, progress: Progress, fencing_token: int, now: datetime, *, rises: bool
) -> ItemWrite:
    """Do as `Job.reported` does; whether the high water `rises` is a condition, too."""
    written = {
        "seq": {"N": str(progress.seq)},
        "word": progress_attributes(progress, heartbeat_at=now),
    }
    if rises:
        written["high_water"] = {"N": str(progress.done)}
    said = ", ".join(f"#{name} = :{name}" for name in written)
    states = {f"is_{state.lower()}": {"S": state} for state in sorted(_REPORTING)}
    allowed = ", ".join(f":{name}" for name in states)
    return ItemWrite(
        operation="Update",
        place=place,
        part=JOB,
        update=f"SET #version = #version + :one, #heartbeat = #heartbeat + :one, {said}",
        condition=(
            f"#fencing_token = :fencing_token AND #seq < :seq AND #state IN ({allowed})"
            f" AND #high_water {'<=' if rises else '>'} :done"
        ),
        names=frozenset(written) | {"version", "heartbeat", "fencing_token", "state", "high_water"},
        values={
            **written,
            **states,
            "one": {"N": "1"},
            "done": {"N": str(progress.done)},
            "fencing_token": {"N": str(fencing_token)},
        },
    )


def _takes(stored: Job, progress: Progress, fencing_token: int) -> bool:
    """Whether a job takes a report, as far as it isn't the high water that decides."""
    return (
        stored.fencing_token == fencing_token
        and stored.progress.seq < progress.seq
        and stored.state in _REPORTING
    )


def _is_wanted(job: Job, wanted: JobFilter) -> bool:
    return wanted.kind in (None, job.kind) and wanted.state in (None, job.state)
