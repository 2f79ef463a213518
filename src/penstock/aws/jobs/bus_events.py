"""Events to whoever listens, by way of an EventBridge bus."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from penstock.aws.services.record_failures import as_busy
from penstock.errors import BusyError
from penstock.model.event import JobEvent

SOURCE = "penstock"
"""What rules of the bus select Penstock's events by, beside their names (`detail-type`)."""

_RETRY_SECONDS = 5


class BusEvents:
    """Puts each event on a bus, with its name as detail type and all of it as detail.

    Rules take it from there: one to the open sockets, and any others that an account adds. The bus
    hands an event on at least once, in no order; its number tells both.
    """

    def __init__(self, *, client: Any, bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, event: JobEvent) -> None:
        entry = {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": event.name,
            "Detail": _json().dump_json(event).decode(),
        }
        with as_busy():
            answer = self._client.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise BusyError("The bus didn't take an event.", retry_after_seconds=_RETRY_SECONDS)


def event_from(detail: Any) -> JobEvent | None:
    """Read the detail of what a rule hands on; None if it is no event of a job."""
    try:
        return _json().validate_python(detail, strict=False)
    except ValidationError:
        return None


@cache
def _json() -> TypeAdapter[JobEvent]:
    return TypeAdapter(JobEvent)
