"""Connections are bounded, looked at before they are used again, and never lost."""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from penstock.errors import RecoverableError
from penstock.exports.postgres.pool import Pool


@dataclass(eq=False, slots=True)
class Line:
    """Stands for a connection."""

    is_alive: bool = True
    is_closed: bool = False


@dataclass(slots=True)
class Lines:
    """Makes connections, and keeps what it made."""

    made: list[Line] = field(default_factory=list)

    def pool(self, *, most: int = 2) -> Pool[Line]:
        return Pool(
            connect=self._connect,
            is_alive=lambda line: line.is_alive,
            close=self._close,
            most=most,
            wait_seconds=0.01,
            trusted_seconds=0,
        )

    def _connect(self) -> Line:
        self.made.append(Line())
        return self.made[-1]

    def _close(self, line: Line) -> None:
        assert not line.is_closed
        line.is_closed = True


def test_a_connection_is_used_again() -> None:
    lines = Lines()
    pool = lines.pool()
    with pool.lend() as first:
        pass
    with pool.lend() as second:
        assert second is first
    pool.close()
    assert first.is_closed


def test_a_connection_that_died_meanwhile_is_replaced() -> None:
    lines = Lines()
    pool = lines.pool()
    with pool.lend() as first:
        pass
    first.is_alive = False
    with pool.lend() as second:
        assert second is not first
    assert first.is_closed


def test_a_connection_is_closed_where_its_use_failed() -> None:
    lines = Lines()
    pool = lines.pool()
    with pytest.raises(ZeroDivisionError), pool.lend():
        _ = 1 / 0
    assert lines.made[0].is_closed


def test_more_than_there_may_be_are_refused_in_time() -> None:
    pool = Lines().pool(most=1)
    with pool.lend(), pytest.raises(RecoverableError, match="in use"):
        pool.take()
    pool.give_back(pool.take())


class Lending(RuleBasedStateMachine):
    """Any order of taking, giving back, dropping and dying."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = Lines()
        self.pool = self.lines.pool(most=3)
        self.lent: list[Line] = []

    @precondition(lambda self: len(self.lent) < 3)
    @rule()
    def take(self) -> None:
        line = self.pool.take()
        assert line.is_alive
        assert not line.is_closed
        assert line not in self.lent
        self.lent.append(line)

    @precondition(lambda self: len(self.lent) == 3)
    @rule()
    def take_too_many(self) -> None:
        with pytest.raises(RecoverableError):
            self.pool.take()

    @precondition(lambda self: self.lent)
    @rule()
    def give_back(self) -> None:
        self.pool.give_back(self.lent.pop())

    @precondition(lambda self: self.lent)
    @rule()
    def drop(self) -> None:
        self.pool.drop(self.lent.pop())

    @rule()
    def all_die(self) -> None:
        for line in self.lines.made:
            line.is_alive = False

    @invariant()
    def never_too_many_are_open(self) -> None:
        assert sum(not line.is_closed for line in self.lines.made) <= 3


TestLending = Lending.TestCase
TestLending.settings = settings(max_examples=100, stateful_step_count=30)
