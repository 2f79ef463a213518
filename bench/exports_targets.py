"""What exports must reach: each target with what was measured."""

from collections.abc import Sequence
from dataclasses import replace

from exports_results import Answers, FunctionAnswers, Made, Results, peak, percentile, rate
from interval import Interval
from targets import MEGABYTE, Target, least, most

PEAK_MEGABYTES = 300
PROGRESS_PERCENT = 2


def targets(results: Results) -> list[Target]:
    """Give every target of exports, in the order of their list."""
    found = [
        least("PostgreSQL to Parquet", rate(results.exports), 350_000, "rows/s"),
        _memory(f"peak memory of its worker, {results.rows:,} rows", results.exports),
        *(
            _memory(f"peak memory of its worker, {each.rows:,} rows", [each])
            for each in results.large
        ),
        *(
            _memory(f"peak memory, {made[0].rows:,} rows of a dataset, {case}", made)
            for case, made in results.slices.items()
        ),
        _cost("what progress costs, of a job's time", results.progress.cost_in_time),
        _cost("the same, of its processor time", results.progress.cost_in_processor_time),
    ]  # fmt: skip
    return found + _of_answers(results.answers) + _of_function(results.of_function)


def _cost(name: str, found: Interval | None) -> Target:
    """Make a target that is reached or missed only if all of the interval says so."""
    if found is None:
        return most(name, None, PROGRESS_PERCENT, "%")
    low, high = 100 * found.low, 100 * found.high
    reached = True if high <= PROGRESS_PERCENT else False if low > PROGRESS_PERCENT else None
    target = most(name, 100 * found.middle, PROGRESS_PERCENT, "%")
    return replace(target, reached=reached, between=(low, high))


def _of_function(answers: FunctionAnswers | None) -> list[Target]:
    posts = percentile(answers.posts, 50) if answers else None
    statuses = percentile(answers.statuses, 50) if answers else None
    return [
        most("POST through the API's handler, warm, median", _milli(posts), 100, "ms"),
        most("GET of a status through it, warm, median", _milli(statuses), 100, "ms"),
    ]


def _of_answers(answers: Answers) -> list[Target]:
    lost = answers.crowd_asked - min(answers.crowd_made, answers.crowd_told)
    crowd = most(
        f"{answers.crowd_asked} submits at once: jobs or ends of jobs lost",
        lost if answers.crowd_asked else None, 0, "",
    )  # fmt: skip
    return [
        most("POST of an export, median", _milli(percentile(answers.posts, 50)), 50, "ms"),
        most("GET of a status, median", _milli(percentile(answers.statuses, 50)), 10, "ms"),
        replace(crowd, wanted="none"),
        most("an event to its socket, p99", _milli(percentile(answers.events, 99)), 1000, "ms"),
        most(
            "the same beside the submits at once, p99",
            _milli(percentile(answers.crowd_events, 99)), 1000, "ms",
        ),
        most(
            "premium pay, 1,201 rows: POST to its CSV file, median",
            _milli(percentile(answers.until_downloaded, 50)), 1000, "ms",
        ),
    ]  # fmt: skip


def _memory(name: str, made: Sequence[Made]) -> Target:
    held = peak(made)
    return most(name, None if held is None else held / MEGABYTE, PEAK_MEGABYTES, "MB")


def _milli(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
