"""Items: jobs and events as items of the DynamoDB table of jobs, and what those are called.

A job and all its events share the place `{tenant}#{job id}`:

    part `job`                  the job
    part `event#{seq}`          an event, seq in 20 digits, so that they sort by it

and an idempotency key stands at `{tenant}#key#{digest of user and key}`, part `key`.

What reports of progress change stands in attributes of its own, all else of a job in one JSON text.
No attribute that a report changes is in an index: it writes one item and nothing else.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from penstock.aws.services.dynamo_table import Item, Key
from penstock.errors import PermanentError
from penstock.model.event import JobEvent
from penstock.model.job import Job
from penstock.model.progress import Progress
from penstock.ports import Observation

JOB = "job"
KEY = "key"
EVENT = "event#"
LAST_EVENT = "event#~"
"""Sorts behind every event."""

SHARDS = 8
"""Places that entries of all tenants in an index are spread over: one takes a thousand writes a
second ("Best practices for designing partition keys", DynamoDB Developer Guide)."""

EXPIRES_ATTRIBUTE = "forgotten"

BY_TENANT, BY_USER = "by-tenant", "by-user"
BY_STAGE, BY_EXPIRY, UNPUBLISHED = "by-stage", "by-expiry", "unpublished"

_TEXTS = ("place", "part", "tenant", "owner", "id", "stage", "created", "expiring", "expires")


def _index(name: str, place: str, order: str, *beside: str) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "KEYS_ONLY"}
    if beside:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(beside)}
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": place, "KeyType": "HASH"},
            {"AttributeName": order, "KeyType": "RANGE"},
        ],
        "Projection": projection,
    }


JOBS_TABLE: Mapping[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in (*_TEXTS, "outbox", "told")
    ],
    "KeySchema": [
        {"AttributeName": "place", "KeyType": "HASH"},
        {"AttributeName": "part", "KeyType": "RANGE"},
    ],
    "GlobalSecondaryIndexes": [
        _index(BY_TENANT, "tenant", "id", "kind", "state"),
        _index(BY_USER, "owner", "id", "kind", "state"),
        _index(BY_STAGE, "stage", "created"),
        _index(BY_EXPIRY, "expiring", "expires"),
        _index(UNPUBLISHED, "outbox", "told"),
    ],
}
"""The table that DynamoJobStore stands on, as CreateTable and CloudFormation write it; its TTL
attribute is EXPIRES_ATTRIBUTE."""

_PACKED_BYTES = 4_096
"""A body above this is deflated: writes are paid for by the KB, those of reports too."""

_MOST_BYTES = 360_000
"""An item ends at 400 KB ("Quotas in Amazon DynamoDB"); the rest is for what isn't the body."""

_NUMBERS_OF_REPORTS = ("version", "heartbeat", "high_water")
_OF_REPORTS = frozenset({*_NUMBERS_OF_REPORTS, "progress", "heartbeat_at"})

OPTIONAL = frozenset({"expiring", "expires", "body", "packed"})
"""Attributes that some jobs have and others don't."""


def job_place(tenant: str, job_id: str) -> str:
    """Name the place of a job and its events."""
    return f"{tenant}#{job_id}"


def key_place(tenant: str, user: str, key: str) -> str:
    """Name the place of an idempotency key, which is its tenant's and user's own."""
    text = "".join(f"{len(part)}:{part}" for part in (user, key))
    return f"{tenant}#key#{hashlib.sha256(text.encode()).hexdigest()}"


def event_key(event: JobEvent) -> Key:
    """Name the place and the part of an event."""
    return job_place(event.tenant, event.job_id), event_part(event.seq)


def event_part(seq: int) -> str:
    """Name the part of an event within its job."""
    return f"{EVENT}{seq:020}"


def shards(of: str) -> list[str]:
    """Name all places of an index that entries of all tenants are spread over."""
    return [f"{of}#{number}" for number in range(SHARDS)]


def lasting_attributes_of(job: Job) -> dict[str, dict[str, Any]]:
    """Write what no step of a job changes, as the attributes that its lists go by."""
    texts = {"tenant": job.tenant, "id": job.id, "kind": job.kind}
    texts |= {"owner": owner(job.tenant, job.user), "created": text_of(job.created)}
    return {name: {"S": text} for name, text in texts.items()}


def attributes_of(job: Job) -> dict[str, dict[str, Any]]:
    """Write a job as attributes that steps change; it is whole with its lasting ones.

    Raises PermanentError if the job is more than an item holds: some 5,000 artifacts, since digests
    don't get shorter.
    """
    stage = "ended" if job.is_over else "unfinished"
    written: dict[str, dict[str, Any]] = {
        "state": {"S": job.state},
        "stage": {"S": f"{stage}#{_shard(job.id)}"},
        "fencing_token": {"N": str(job.fencing_token)},
        "seq": {"N": str(job.progress.seq)},
        "word": progress_attributes(job.progress, heartbeat_at=job.heartbeat_at),
    }
    for name in _NUMBERS_OF_REPORTS:
        written[name] = {"N": str(getattr(job, name))}
    if job.has_result and job.expires_at is not None:
        written["expiring"] = {"S": f"expiring#{_shard(job.id)}"}
        written["expires"] = {"S": text_of(job.expires_at)}
    described = _jobs().dump_python(job, mode="json", exclude=set(_OF_REPORTS))
    return {**written, **_body(described, job.id)}


def progress_attributes(progress: Progress, *, heartbeat_at: datetime | None) -> dict[str, Any]:
    """Write an attempt's last word as one attribute."""
    at = None if heartbeat_at is None else text_of(heartbeat_at)
    return {"S": json.dumps({"progress": asdict(progress), "heartbeat_at": at})}


def job_of(item: Item) -> Job:
    """Read a job from its item."""
    packed = item["packed"]["B"] if "packed" in item else None
    described = json.loads(zlib.decompress(packed) if packed is not None else item["body"]["S"])
    described |= json.loads(item["word"]["S"])
    described |= {name: int(item[name]["N"]) for name in _NUMBERS_OF_REPORTS}
    return _jobs().validate_python(described)


def readable_job_of(item: Item) -> Job | None:
    """Read a job from its item; None where that can't be read, since it was damaged or is newer."""
    try:
        return job_of(item)
    except (ValueError, KeyError, TypeError, zlib.error):
        return None


def attributes_of_event(event: JobEvent) -> dict[str, dict[str, Any]]:
    """Write an event that nobody published yet as attributes."""
    return {
        "body": {"S": _events().dump_json(event).decode()},
        "outbox": {"S": f"outbox#{_shard(event.job_id)}"},
        "told": {"S": f"{text_of(event.at)}#{event.job_id}#{event.seq:020}"},
    }


def event_of_item(item: Item) -> JobEvent:
    """Read an event from its item."""
    return _events().validate_json(item["body"]["S"])


def observation_attribute(observation: Observation) -> dict[str, Any]:
    """Write an observation as one attribute."""
    return {"S": _observations().dump_json(observation).decode()}


def observation_of(item: Item) -> Observation | None:
    """Read what was last observed of a job, None if nothing was, or nothing that can be read."""
    try:
        return _observations().validate_json(item["observed"]["S"]) if "observed" in item else None
    except (ValueError, KeyError, TypeError):
        # As if it had not been looked at: it is observed anew.
        return None


def owner(tenant: str, user: str) -> str:
    """Name a tenant's user."""
    return f"{tenant}#{user}"


def text_of(when: datetime) -> str:
    """Write a time so that earlier ones sort first."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def _body(described: Mapping[str, Any], job_id: str) -> dict[str, dict[str, Any]]:
    text = json.dumps(described, separators=(",", ":"))
    if len(text) <= _PACKED_BYTES:
        return {"body": {"S": text}}
    packed = zlib.compress(text.encode())
    if len(packed) > _MOST_BYTES:
        raise PermanentError("The job's record grew too large: ask for less at once.", id=job_id)
    return {"packed": {"B": packed}}


def _shard(job_id: str) -> int:
    return zlib.crc32(job_id.encode()) % SHARDS


@cache
def _jobs() -> TypeAdapter[Job]:
    return TypeAdapter(Job)


@cache
def _events() -> TypeAdapter[JobEvent]:
    return TypeAdapter(JobEvent)


@cache
def _observations() -> TypeAdapter[Observation]:
    return TypeAdapter(Observation)
