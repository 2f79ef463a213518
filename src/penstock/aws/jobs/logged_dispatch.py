"""Dispatch with a line in the log for each decision: which job went to which queue, and why not."""

import logging
from collections.abc import Mapping

from penstock.aws.jobs.queue import SqsDispatch
from penstock.jobs.routing_facts import ROUTED, buried_facts, dispatched_facts
from penstock.model.message import JobMessage

_log = logging.getLogger("penstock.jobs")


class LoggedDispatch:
    """Tells of each message that a queue took: never what a job's parameters are."""

    def __init__(self, dispatch: SqsDispatch) -> None:
        self._dispatch = dispatch

    def send(self, message: JobMessage, *, delay_seconds: float = 0) -> None:
        self._dispatch.send(message, delay_seconds=delay_seconds)
        queue = self._dispatch.queue_of(message)
        _tell(dispatched_facts(message, queue=queue, delay_seconds=delay_seconds))

    def bury(self, message: JobMessage, *, reason: str) -> None:
        self._dispatch.bury(message, reason=reason)
        _tell(buried_facts(message, reason=reason))


def _tell(facts: Mapping[str, object]) -> None:
    _log.info(ROUTED, extra=facts)
