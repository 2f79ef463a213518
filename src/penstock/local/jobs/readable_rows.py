"""Body reader: decodes bodies of rows of jobs; logs those that it can't decode."""

import logging
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from penstock.local.jobs.database import event_json, job_json
from penstock.model.event import JobEvent
from penstock.model.job import Job
from penstock.model.job_id import logged_id

_Body = TypeVar("_Body")

_LOG = logging.getLogger("penstock.jobs")
_MOST_TOLD = 1_000
"""Beyond these it begins anew: what can't be read may then be told of again."""


class BodyReader:
    """Reads bodies; one that can't be read is passed over, and the log tells of its job once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, str]] = set()

    def job(self, body: str, *, tenant: str, job_id: str) -> Job | None:
        """Read a job; None where that can't be done."""
        return self._read(job_json(), body, ("job", tenant, job_id))

    def event(self, body: str, *, tenant: str, job_id: str) -> JobEvent | None:
        """Read an event; None where that can't be done."""
        return self._read(event_json(), body, ("event of job", tenant, job_id))

    def _read(
        self, json: TypeAdapter[_Body], body: str, named: tuple[str, str, str]
    ) -> _Body | None:
        try:
            return json.validate_json(body)
        except ValidationError:
            if named not in self._told:
                if len(self._told) >= _MOST_TOLD:
                    self._told.clear()
                self._told.add(named)
                what, tenant, job_id = named
                _LOG.error(
                    "%s tenant=%s id=%s can't be read and is passed over",
                    what,
                    tenant,
                    logged_id(job_id),
                )
            return None
