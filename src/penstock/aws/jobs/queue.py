"""Queues of jobs in SQS."""

import re
from collections.abc import Mapping
from math import ceil
from typing import Any

from penstock.aws.services.record_failures import as_busy
from penstock.model.job import SizeClass
from penstock.model.message import JobMessage, body_of

LONGEST_DELAY_SECONDS = 900
"""DelaySeconds of SendMessage, Amazon SQS API Reference."""

REASON_ATTRIBUTE = "reason"

_LONGEST_REASON = 1_000
_NOT_IN_A_MESSAGE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that SQS refuses (SendMessage, Amazon SQS API Reference)."""


class SqsDispatch:
    """A standard queue for each size class, given by its URL, and one for dead letters.

    Messages carry their tenant as message group: a queue with many messages of one tenant on their
    way hands out the others' first ("Amazon SQS fair queues", Developer Guide). A tenant of
    `own_queues` has a queue of its own instead, for all size classes.

    Whoever receives a message deletes it once it is done with, or it comes again after the queue's
    visibility timeout; one that came too often is moved to the dead letters by SQS, without any
    reason. A delay is whole seconds, rounded up, and 15 minutes at most.
    """

    def __init__(
        self,
        *,
        client: Any,
        queues: Mapping[SizeClass, str],
        dead_letters: str,
        own_queues: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._queues = queues
        self._dead_letters = dead_letters
        self._own_queues = own_queues or {}

    def send(self, message: JobMessage, *, delay_seconds: float = 0) -> None:
        with as_busy():
            self._client.send_message(
                QueueUrl=self._url(message),
                MessageBody=body_of(message),
                MessageGroupId=message.tenant,
                DelaySeconds=min(max(ceil(delay_seconds), 0), LONGEST_DELAY_SECONDS),
            )

    def bury(self, message: JobMessage, *, reason: str) -> None:
        self._bury(body_of(message), reason, MessageGroupId=message.tenant)

    def bury_body(self, body: str, *, reason: str) -> None:
        """Keep what a queue held and nobody can read as a message; raises BusyError."""
        self._bury(body, reason)

    def queue_of(self, message: JobMessage) -> str:
        """Name the queue that a message is sent to."""
        return self._url(message).rpartition("/")[2]

    def _url(self, message: JobMessage) -> str:
        return self._own_queues.get(message.tenant, self._queues[message.size])

    def _bury(self, body: str, reason: str, **grouped: str) -> None:
        # A text attribute must not be empty.
        said = _NOT_IN_A_MESSAGE.sub("\ufffd", reason[:_LONGEST_REASON]) or "unknown"
        with as_busy():
            self._client.send_message(
                QueueUrl=self._dead_letters,
                MessageBody=body,
                MessageAttributes={REASON_ATTRIBUTE: {"DataType": "String", "StringValue": said}},
                **grouped,
            )
