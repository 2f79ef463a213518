"""What exports must reach: each target with what was measured."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from exports_results import Answers, Made, Results, middle, peak, percentile, rate
from targets import MEGABYTE, TIMES, Target, least, most

PEAK_MEGABYTES = 300


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
        most(
            "the job with its progress, times the one without",
            _ratio(results, lambda each: each.seconds), 1.02, TIMES,
        ),
        most(
            "the same, times its processor time",
            _ratio(results, lambda each: each.processor_seconds), 1.02, TIMES,
        ),
    ]  # fmt: skip
    return found + _of_answers(results.answers)


def _ratio(results: Results, of: Callable[[Made], float]) -> float | None:
    told, silent = middle(results.told, of), middle(results.silent, of)
    return told / silent if told and silent else None


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
