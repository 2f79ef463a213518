"""Hints by way of a Redis: its channels reach whoever listens just then, and keep nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from penstock.ports import Audience, Heard, Hint
from penstock.signals.hint_listener import HintListener
from penstock.signals.hint_sender import HintSender
from penstock.signals.outage import Outage
from penstock.signals.redis_connection import RedisConnection
from penstock.signals.redis_place import RedisPlace
from penstock.signals.timings import Timings
from penstock.signals.wire import body_of, channel_of


class RedisSignals:
    """Channels `penstock:{scope}:{audience}` of a Redis.

    Nothing is connected before the first hint is told or heard. `place` is asked for with each new
    connection, in the background, so that a password may change; it may raise SetupError and
    BusyError. `report` takes one line for the log when hints begin to fail.
    """

    def __init__(
        self,
        place: Callable[[], RedisPlace],
        *,
        scope: str,
        report: Callable[[str], None],
        wait_seconds: float = 0,
        pace: Timings | None = None,
    ) -> None:
        self._place = place
        self._scope = scope
        self._pace = Timings() if pace is None else pace
        self._hearing_outage = Outage(report, doing="signals: hearing by way of Redis")
        self._telling = HintSender(
            self._connected,
            Outage(report, doing="signals: telling by way of Redis"),
            pace=self._pace,
            wait_seconds=wait_seconds,
        )

    def tell(self, audience: Audience, hint: Hint) -> None:
        """Have a hint go out to an audience."""
        self._telling.tell(channel_of(self._scope, audience), body_of(hint))

    @contextmanager
    def hearing(self, audience: Audience, heard: Heard) -> Iterator[None]:
        """Hear an audience's hints while the body runs."""
        hearing = HintListener(
            self._connected,
            self._hearing_outage,
            channel=channel_of(self._scope, audience),
            heard=heard,
            pace=self._pace,
        )
        hearing.begin()
        try:
            yield
        finally:
            hearing.end()

    def close(self) -> None:
        """Tell no more; closing twice changes nothing."""
        self._telling.close()

    def _connected(self) -> RedisConnection:
        return RedisConnection(self._place(), seconds=self._pace.answer_seconds)
