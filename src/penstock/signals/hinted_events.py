"""Events with hints: what is published of a job also has others look at its row."""

from penstock.model.event import EventName, JobEvent
from penstock.ports import Audience, EventPublisher, Hint, Signals

FOR_WORKERS: frozenset[EventName] = frozenset(
    ("job.cancelling", "job.cancelled", "job.failed", "job.stalled")
)
"""What others than its worker may have done to a job: its attempt is over then."""


class HintedEvents:
    """Publishes events elsewhere, and hints at their jobs to the audiences that are heard here.

    A hint goes out first, and whether or not the event can be published.
    """

    def __init__(
        self, events: EventPublisher, signals: Signals, *, audiences: tuple[Audience, ...]
    ) -> None:
        self._events = events
        self._signals = signals
        self._audiences = audiences

    def publish(self, event: JobEvent) -> None:
        """Hint at the event's job, and publish the event. Raises BusyError where that fails."""
        hint = Hint(tenant=event.tenant, job_id=event.job_id)
        for audience in self._audiences:
            if audience == "watchers" or event.name in FOR_WORKERS:
                self._signals.tell(audience, hint)
        self._events.publish(event)
