"""Dispatch with a line in the log for each decision: which job went to which queue, and why not."""

import logging
from math import ceil

from penstock.aws.jobs.queue import SqsDispatch
from penstock.model.job import logged_id
from penstock.model.message import JobMessage

DEAD_LETTERS = "dead-letters"

_log = logging.getLogger("penstock.jobs")


class LoggedDispatch:
    """Tells of each message that a queue took: never what a job's parameters are."""

    def __init__(self, dispatch: SqsDispatch) -> None:
        self._dispatch = dispatch

    def send(self, message: JobMessage, *, delay_seconds: float = 0) -> None:
        self._dispatch.send(message, delay_seconds=delay_seconds)
        _tell(
            message,
            queue=self._dispatch.queue_of(message),
            outcome="dispatched",
            delay_seconds=ceil(delay_seconds),
        )

    def bury(self, message: JobMessage, *, reason: str) -> None:
        self._dispatch.bury(message, reason=reason)
        # Behind the code stands what was said to the user, which may repeat what was asked for.
        code = reason.partition(":")[0]
        _tell(message, queue=DEAD_LETTERS, outcome="buried", reason=code)


def routed_facts(message: JobMessage, **facts: object) -> dict[str, object]:
    """Describe a decision on a message; none of the job's parameters are in one."""
    own = {
        "tenant": message.tenant,
        "job_id": logged_id(message.job_id),
        "type": message.type,
        "size": message.size,
    }
    return own | facts


def _tell(message: JobMessage, **facts: object) -> None:
    _log.info("job routed", extra=routed_facts(message, **facts))
