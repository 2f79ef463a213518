"""Readable items: decodes items of the table of jobs; logs those that it can't decode."""

import logging

from penstock.aws.jobs.items import event_of_item, readable_job_of
from penstock.aws.services.dynamo_table import Item
from penstock.model.event import JobEvent
from penstock.model.job import Job
from penstock.model.job_id import logged_id

_log = logging.getLogger("penstock.jobs")


def readable_job(item: Item) -> Job | None:
    """Read a job from its item; where that can't be done, the log says so, and it gives None."""
    job = readable_job_of(item)
    if job is None:
        _tell("unreadable job", item)
    return job


def readable_event(item: Item) -> JobEvent | None:
    """Read an event from its item; where that can't be done, as `readable_job`."""
    try:
        return event_of_item(item)
    except (ValueError, KeyError, TypeError):
        _tell("unreadable event", item)
        return None


def _tell(what: str, item: Item) -> None:
    tenant, _, job_id = item["place"]["S"].partition("#")
    _log.error(what, extra={"tenant": tenant, "job_id": logged_id(job_id)})
