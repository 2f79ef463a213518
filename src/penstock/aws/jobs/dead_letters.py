"""Dead letters of jobs in SQS."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.aws.jobs.queue import REASON_ATTRIBUTE
from penstock.aws.services.record_failures import as_busy
from penstock.errors import BusyError, SetupError
from penstock.model.message import DeadLetter, message_from

_AT_ONCE = 10
"""The most messages of one request, Amazon SQS API Reference."""

_MOST_LOOKED_AT = 1_000
_HIDDEN_SECONDS = 30
_NO_REASON = "It was received again and again, and never done with: its worker died each time."

_Received = Mapping[str, Any]


class SqsDeadLetters:
    """The queue of dead letters, given by its URL; it keeps a message for 14 days.

    A queue can't be looked at without taking its messages: they are hidden while they are looked
    at, 30 s at most, and given back afterwards. So one look misses what another one looks at just
    then. A thousand are looked at, in no order, a dozen requests for each hundred. An answer
    without messages is waited for by `wait_seconds`, since an answer at once may leave some out.
    """

    def __init__(self, *, client: Any, url: str, wait_seconds: int = 1) -> None:
        self._client = client
        self._url = url
        self._wait_seconds = wait_seconds

    def list(self, *, limit: int) -> list[DeadLetter]:
        with self._looked_at(lambda _: False) as received:
            letters = {each["MessageId"]: _letter(each) for each in received.values()}
        return sorted(letters.values(), key=lambda letter: (letter.buried, letter.id))[:limit]

    def take(self, letter_id: str) -> DeadLetter:
        with self._looked_at(lambda each: each["MessageId"] == letter_id) as received:
            found = received.pop(letter_id, None)
            if found is not None:
                with as_busy():
                    self._client.delete_message(
                        QueueUrl=self._url, ReceiptHandle=found["ReceiptHandle"]
                    )
        if found is None:
            raise SetupError(
                f"There is no dead letter “{letter_id}”, or somebody looks at it just now: try "
                f"again in {_HIDDEN_SECONDS} s."
            )
        return _letter(found)

    @contextmanager
    def _looked_at(self, is_wanted: Callable[[_Received], bool]) -> Iterator[dict[str, _Received]]:
        """Receive messages up to a wanted one; those that are left in the end are given back."""
        received: dict[str, _Received] = {}
        try:
            for found in self._received():
                received |= {each["MessageId"]: each for each in found}
                if any(map(is_wanted, found)):
                    break
            yield received
        finally:
            self._give_back([each["ReceiptHandle"] for each in received.values()])

    def _received(self) -> Iterator[Sequence[_Received]]:
        for _ in range(0, _MOST_LOOKED_AT, _AT_ONCE):
            with as_busy():
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=_AT_ONCE,
                    VisibilityTimeout=_HIDDEN_SECONDS,
                    WaitTimeSeconds=self._wait_seconds,
                    MessageSystemAttributeNames=["SentTimestamp"],
                    MessageAttributeNames=[REASON_ATTRIBUTE],
                )
            found = answer.get("Messages", [])
            if not found:
                return
            yield found

    def _give_back(self, handles: Sequence[str]) -> None:
        for start in range(0, len(handles), _AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(handles[start : start + _AT_ONCE])
            ]
            try:
                with as_busy():
                    self._client.change_message_visibility_batch(
                        QueueUrl=self._url, Entries=entries
                    )
            except BusyError:
                # They come back by themselves.
                return


def _letter(received: _Received) -> DeadLetter:
    attributes = received.get("MessageAttributes", {})
    milliseconds = int(received["Attributes"]["SentTimestamp"])
    return DeadLetter(
        id=received["MessageId"],
        body=received["Body"],
        reason=attributes.get(REASON_ATTRIBUTE, {}).get("StringValue", _NO_REASON),
        buried=datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds),
        message=message_from(received["Body"]),
    )
