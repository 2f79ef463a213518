"""Which events are hints, to whom, and that neither keeps the other from going out."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import get_args

import pytest
from tests.job_homes import a_job, told

from penstock.errors import BusyError
from penstock.model.event import EventName, JobEvent
from penstock.ports import Audience, Heard, Hint
from penstock.signals.hinted_events import FOR_WORKERS, HintedEvents


@dataclass
class Notes:
    """What was told and published, in its order; publishing can fail."""

    order: list[object] = field(default_factory=list)
    fault: Exception | None = None

    def tell(self, audience: Audience, hint: Hint) -> None:
        self.order.append((audience, hint))

    def hearing(self, audience: Audience, heard: Heard) -> AbstractContextManager[None]:
        raise AssertionError((audience, heard))

    def publish(self, event: JobEvent) -> None:
        if self.fault is not None:
            raise self.fault
        self.order.append(event)


@pytest.mark.parametrize("name", get_args(EventName))
def test_watchers_are_told_of_everything_and_workers_of_what_may_end_them(name: EventName) -> None:
    notes, event = Notes(), told(a_job(), name)
    HintedEvents(notes, notes, audiences=("watchers", "workers")).publish(event)
    hint = Hint(tenant=event.tenant, job_id=event.job_id)
    for_workers = [("workers", hint)] if name in FOR_WORKERS else []
    assert notes.order == [("watchers", hint), *for_workers, event]


def test_audiences_that_nobody_is_of_are_not_told() -> None:
    notes, event = Notes(), told(a_job(), "job.cancelling")
    HintedEvents(notes, notes, audiences=("workers",)).publish(event)
    assert notes.order == [("workers", Hint(tenant=event.tenant, job_id=event.job_id)), event]


def test_a_hint_goes_out_where_its_event_can_not_be_published() -> None:
    notes = Notes(fault=BusyError("The bus fails.", retry_after_seconds=1))
    with pytest.raises(BusyError):
        HintedEvents(notes, notes, audiences=("workers",)).publish(told(a_job(), "job.cancelled"))
    assert len(notes.order) == 1
