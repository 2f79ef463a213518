"""The time of an invocation: what an attempt within it may count as."""

import time

import pytest

from penstock.aws.work_handlers import InvocationTime


@pytest.mark.parametrize(("spent_before", "is_whole"), [(0.0, True), (9.0, True), (11.0, False)])
def test_an_attempt_has_had_all_the_time_where_few_came_before_it(
    *, spent_before: float, is_whole: bool
) -> None:
    over = InvocationTime(began_at=time.monotonic() - 101.0, ends_at=time.monotonic() - 1.0)
    assert over.was_whole(over.began_at + spent_before) is is_whole


def test_an_attempt_that_ended_by_itself_did_not_run_out_of_time() -> None:
    running = InvocationTime()
    running.begins(3600)
    assert not running.is_up()
    assert not running.was_whole(running.began_at)
