from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from penstock.client.commands.job_bars import Bars, Lines
from penstock.client.commands.throughput import Throughput
from penstock.client.jobs.job_view import JobView, job_of
from penstock.client.jobs.words import (
    age_of,
    columns_of,
    details_of,
    ending_of,
    line_of,
    progress_of,
    state_of,
)

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def a_job(
    state: str = "RUNNING", *, done: int = 0, total: int | None = None, **more: object
) -> JobView:
    progress = {"high_water": done, "total": total, "phase": more.pop("phase", "")}
    return job_of({"id": "01A", "type": "orders", "state": state, "progress": progress, **more})


@pytest.mark.parametrize(
    ("done", "total", "said"),
    [
        (0, None, "-"),
        (12_345, None, "12,345"),
        (12_345, 20_000, "12,345 of 20,000 (62%)"),
        (0, 10, "0 of 10 (0%)"),
        (12, 10, "12 of 10 (100%)"),
        (5, 0, "5"),
    ],
)
def test_progress_is_told_as_far_as_it_is_known(done: int, total: int | None, said: str) -> None:
    assert progress_of(a_job(done=done, total=total)) == said


def test_a_job_is_told_in_one_line() -> None:
    job = a_job(done=500, total=1000, phase="reading")
    assert (
        line_of(job, 250.4) == "orders 01A: RUNNING (reading), 500 of 1,000 (50%) rows, 250 rows/s"
    )
    assert line_of(a_job("QUEUED")) == "orders 01A: QUEUED"
    assert state_of(a_job("QUEUED", stalled=True)) == "QUEUED (stalled)"


def test_an_ending_says_what_came_of_it() -> None:
    well = a_job(
        "SUCCEEDED", done=1201, started="2024-05-01T12:00:00Z", ended="2024-05-01T12:00:01.25Z"
    )
    assert ending_of(well) == "orders 01A: SUCCEEDED, 1,201 rows, 1.2 s"
    failed = a_job("FAILED", error={"message": "The database is gone.", "code": "gone"})
    assert ending_of(failed) == "orders 01A: FAILED: The database is gone. (gone)"


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (200_000, "2 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, said: str) -> None:
    assert age_of(NOW - timedelta(seconds=seconds), NOW) == said
    assert age_of(None, NOW) == "-"


def test_details_leave_out_what_there_is_not() -> None:
    job = a_job(created="2024-05-01T11:00:00Z", params={"since": "2024-01-01"}, attempt=1)
    lines = details_of(job, NOW)
    assert "state       RUNNING" not in lines
    assert [line.split()[0] for line in lines] == [
        "job",
        "type",
        "since",
        "state",
        "progress",
        "attempt",
        "created",
    ]
    assert lines[-1].endswith("2024-05-01 11:00:00+00:00 (1 h ago)")


def test_columns_stand_below_each_other() -> None:
    assert columns_of([("a", "bb"), ("ccc", "d")]) == ["a    bb", "ccc  d"]


@given(st.lists(st.tuples(st.floats(0.001, 100), st.integers(0, 10**9)), min_size=2, max_size=50))
def test_a_pace_is_never_negative_and_never_above_the_fastest(
    steps: list[tuple[float, int]],
) -> None:
    pace, now, done, fastest = Throughput(), 0.0, 0, 0.0
    for seconds, more in steps:
        now, done = now + seconds, done + more
        fastest = max(fastest, more / seconds)
        pace.note(now, done)
        assert pace.a_second is None or 0 < pace.a_second <= fastest * 1.001


def test_a_pace_forgets_what_is_long_ago() -> None:
    pace = Throughput()
    for second in range(100):
        pace.note(second, 1_000_000 + second * 10)
    assert pace.a_second == 10


def test_lines_are_said_at_each_step_and_now_and_then() -> None:
    said: list[str] = []
    moments = iter([0.0, 1.0, 4.9, 5.0, 6.0, 7.0])
    lines = Lines(said.append, clock=lambda: next(moments))
    for job in (
        a_job("QUEUED"),
        a_job("RUNNING", done=0),
        a_job("RUNNING", done=390),
        a_job("RUNNING", done=400),
        a_job("RUNNING", done=600),
        a_job("SUCCEEDED", done=700),
    ):
        lines.show(job)
    assert said == [
        "orders 01A: QUEUED",
        "orders 01A: RUNNING",
        "orders 01A: RUNNING, 600 rows, 100 rows/s",
    ]


def test_bars_show_what_was_done_at_most_and_nothing_that_steers() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=160)
    with Bars(console) as bars:
        bars.show(a_job(done=500, total=1000, phase="rea\x1b]0;x\x07ding"))
        bars.note("no connection: [bold]refused[/bold]; next try in 2 s")
        bars.show(a_job("SUCCEEDED", done=1000, total=1000))
    drawn = out.getvalue()
    assert "orders …01A" in drawn
    assert "1,000 of 1,000 (100%)" in drawn
    assert "\x1b]0;" not in drawn
