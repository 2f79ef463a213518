"""Answers of the API of jobs: a job as it is told, and JSON that nobody keeps."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from penstock.exports.check import FORMATS
from penstock.model.job import Job
from penstock.web.answers import Answer
from penstock.web.http.conditional import entity_tag, is_held

RETRY_SECONDS = 1
"""When to ask again how far a job is."""


def as_json(
    described: Mapping[str, object], *, status: int = 200, more: Mapping[str, str] | None = None
) -> Answer:
    """Answer with a document that is the asker's alone."""
    return Answer(
        status=status,
        headers={
            "content-type": "application/json",
            "cache-control": "private, no-store",
            "x-content-type-options": "nosniff",
            **(more or {}),
        },
        body=json.dumps(described, ensure_ascii=False, indent=1).encode() + b"\n",
    )


def accepted(job: Job) -> Answer:
    """Answer that a job was taken: the same bytes each time, however far it is by now."""
    described = {
        "id": job.id,
        "kind": job.kind,
        "type": job.type,
        "state": "ACCEPTED",
        "created": job.created.isoformat(),
        "links": links(job),
    }
    more = {"location": f"/v1/jobs/{job.id}", "retry-after": str(RETRY_SECONDS)}
    return as_json(described, status=202, more=more)


def one_job(job: Job, *, if_none_match: str | None = None, status: int = 200) -> Answer:
    """Answer with a job as it is; 304 where the asker holds that already."""
    tag = entity_tag("job", job.tenant, job.id, str(job.version))
    more = {"etag": tag}
    if not job.is_over:
        more["retry-after"] = str(RETRY_SECONDS)
    if is_held(if_none_match, etag=tag):
        return Answer(status=304, headers={"cache-control": "private, no-store", **more})
    return as_json(described(job), status=status, more=more)


def described(job: Job) -> dict[str, Any]:
    """Tell of a job as its user may know it."""
    return {
        "id": job.id,
        "kind": job.kind,
        "type": job.type,
        "user": job.user,
        "params": {name: value for name, value in job.params.items() if name != FORMATS},
        "formats": list(job.params.get(FORMATS, ())),
        "state": job.state,
        "stalled": job.stalled,
        "attempt": job.attempt,
        "created": job.created.isoformat(),
        "started": _moment(job.started),
        "ended": _moment(job.ended),
        "expires_at": _moment(job.expires_at),
        "cancel_requested_at": _moment(job.cancel_requested_at),
        "dataset_version": job.dataset_version,
        "progress": {
            "seq": job.progress.seq,
            "done": job.progress.done,
            "total": job.progress.total,
            "high_water": job.high_water,
            "rejected": job.progress.rejected,
            "bytes": job.progress.bytes,
            "phase": job.progress.phase,
        },
        "error": None if job.error is None else job.error.described(),
        "artifacts": [asdict(artifact) for artifact in job.artifacts] if job.has_result else [],
        "links": links(job),
    }


def links(job: Job) -> dict[str, str]:
    """Give the paths of a job."""
    own = f"/v1/jobs/{job.id}"
    return {
        "self": own,
        "events": f"{own}/events",
        "result": f"{own}/result",
        "cancel": f"{own}/cancel",
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
