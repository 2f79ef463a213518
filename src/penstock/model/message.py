"""A message: what a queue carries of a job, which is enough to find it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast, get_args

from penstock.model.job import SIZES, Job, JobKind, SizeClass
from penstock.model.job_id import is_job_id
from penstock.model.tenant import is_tenant_id

_KINDS: tuple[JobKind, ...] = get_args(JobKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMessage:
    """One word to a worker: this job is to be worked on; the job's own row says everything else."""

    tenant: str
    job_id: str
    kind: JobKind
    type: str
    size: SizeClass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that failed for good; `body` is what the queue held, `message` what it says.

    `message` is None where the body can't be read as one.
    """

    id: str
    body: str
    reason: str
    buried: datetime
    message: JobMessage | None


def message_of(job: Job) -> JobMessage:
    """Address a job to the queue of its size class."""
    return JobMessage(tenant=job.tenant, job_id=job.id, kind=job.kind, type=job.type, size=job.size)


def body_of(message: JobMessage) -> str:
    """Write a message as queues carry it, a JSON object; `message_from` reads it back."""
    return json.dumps(asdict(message), separators=(",", ":"))


def message_from(body: str) -> JobMessage | None:
    """Read a queue's message; None if it is none. What a newer sender added is passed over."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    tenant, job_id, kind, type_, size = (
        said.get(name) for name in ("tenant", "job_id", "kind", "type", "size")
    )
    if not (isinstance(tenant, str) and isinstance(job_id, str) and isinstance(type_, str)):
        return None
    if not (is_tenant_id(tenant) and is_job_id(job_id) and kind in _KINDS and size in SIZES):
        return None
    return JobMessage(
        tenant=tenant,
        job_id=job_id,
        kind=cast("JobKind", kind),
        type=type_,
        size=cast("SizeClass", size),
    )
