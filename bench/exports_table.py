"""The results of exports as Markdown tables."""

from collections.abc import Sequence
from statistics import median

from exports_peers import NOTES
from exports_results import (
    Answers,
    Asked,
    FunctionAnswers,
    Progress,
    Results,
    Taken,
    middle,
    peak,
    percentile,
    rate,
)
from interval import Interval
from table import NOTHING, markdown, target_table
from targets import MEGABYTE, TIMES, Target

OURS = "Penstock, penstock work"
TWO_READERS = "Penstock, penstock work and two readers"

_HOW = (
    "Times are medians. Ours is from the start of a job's attempt to its end, checks and manifest "
    "included, by a worker that had made a small export before; a peer's begins with its "
    "connecting. Peak memory is that of the process, without the database's; with two readers "
    "that of the three processes together, what they share counted for each."
)


def tables(results: Results, found: Sequence[Target]) -> str:
    """Lay out everything measured: the ways out of PostgreSQL, slices, answers, the targets."""
    parts = [
        _ways(results),
        _notes(results),
        _progress(results.progress),
        _slices(results),
        _answers(results.answers),
        _of_function(results.of_function),
        target_table(found),
    ]
    return "\n\n".join(part for part in parts if part)


def _ways(results: Results) -> str:
    head = [f"{results.rows:,} rows of PostgreSQL", "time", "rows/s", "ours takes", "written",
            "peak memory"]  # fmt: skip
    ours = middle(results.exports, lambda each: each.seconds)
    rows = [
        [
            name,
            _seconds(middle(made, lambda each: each.seconds)),
            _rate(rate(made)),
            "",
            _megabytes(made[0].size),
            _megabytes(peak(made)),
        ]
        for name, made in ((OURS, results.exports), (TWO_READERS, results.side_by_side))
        if made
    ]
    rows += [
        [f"{OURS}, {each.rows:,} rows", _seconds(each.seconds), _rate(rate([each])), "",
         _megabytes(each.size), _megabytes(each.peak)]
        for each in results.large
    ]  # fmt: skip
    rows += [_peer(way, taken, results.rows, ours) for way, taken in results.peers.items()]
    rows += [[way, "fails", "", "", "", ""] for way in results.failures]
    return markdown(head, rows)


def _peer(way: str, taken: Sequence[Taken], rows: int, ours: float | None) -> list[str]:
    seconds = median(each.seconds for each in taken)
    held = max((each.peak for each in taken if each.peak is not None), default=None)
    return [
        way,
        _seconds(seconds),
        _rate(rows / seconds),
        "" if ours is None else f"{ours / seconds:.2f} {TIMES} its time",
        _megabytes(taken[0].size),
        _megabytes(held),
    ]


def _notes(results: Results) -> str:
    lines = [_HOW]
    if any(made.parts == 1 for made in results.side_by_side):
        lines.append(f"{TWO_READERS}: of so few rows, one reads all.")
    if results.checked:
        lines.append(f"Checked in this run: {'; '.join(results.checked)}.")
    lines += [f"{way}: {note}." for way, note in NOTES.items() if way in results.peers]
    lines += [f"{way}: {reason}" for way, reason in results.failures.items()]
    return "\n".join(f"- {line}" for line in lines)


def _progress(progress: Progress) -> str:
    if not progress.pairs:
        return ""
    head = [f"the same job, {progress.rows:,} rows", "with its progress", "without", "costs",
            "with 95 % certainty"]  # fmt: skip
    told = [each.told for each in progress.pairs]
    silent = [each.silent for each in progress.pairs]
    rows = [
        [
            "time, median",
            _seconds(median(each.seconds for each in told)),
            _seconds(median(each.seconds for each in silent)),
            *_cost(progress.cost_in_time),
        ],
        [
            "processor time, median",
            _seconds(median(each.processor_seconds for each in told)),
            _seconds(median(each.processor_seconds for each in silent)),
            *_cost(progress.cost_in_processor_time),
        ],
    ]
    said = (
        f"{len(progress.pairs)} pairs, made by one warm worker, the one with progress first in "
        "every other; the interval is that of the signed-rank test."
    )
    if progress.weighed:
        telling = median(each.telling_seconds for each in progress.weighed)
        share = median(each.telling_seconds / each.processor_seconds for each in progress.weighed)
        said += (
            f" Timed by itself, telling takes {_milliseconds(telling)} of a job's processor time "
            f"({100 * share:.2f} %): all words, and reports to its store, {progress.reports:g}."
        )
    return f"{markdown(head, rows)}\n\n{said}"


def _cost(found: Interval | None) -> list[str]:
    if found is None:
        return [NOTHING, NOTHING]
    return [_percent(found.middle), f"{_percent(found.low)} to {_percent(found.high)}"]


def _slices(results: Results) -> str:
    if not results.slices:
        return ""
    rows_each = next(iter(results.slices.values()))[0].rows
    head = [f"{rows_each:,} rows of a dataset", "time", "rows/s", "written", "parts", "peak memory"]
    rows = [
        [
            case,
            _seconds(middle(made, lambda each: each.seconds)),
            _rate(rate(made)),
            _megabytes(made[0].size),
            str(made[0].parts),
            _megabytes(peak(made)),
        ]
        for case, made in results.slices.items()
    ]
    return markdown(head, rows)


def _answers(answers: Answers) -> str:
    if not answers.posts:
        return ""
    head = ["a running service", "times", "median", "p95", "p99", "slowest"]
    rows = [
        _row("POST of an export", answers.posts),
        _row("GET of a status", answers.statuses),
        _row("premium pay: POST to the end of its job", answers.until_over),
        _row("premium pay: POST to the end of its CSV file", answers.until_downloaded),
        _row("an event to its socket", answers.events),
        _row(f"POST, {answers.crowd_asked} at once", answers.crowd_posts),
        _row("an event to its socket, beside these", answers.crowd_events),
    ]
    said = (
        f"{answers.crowd_asked} submits at once: all answered within "
        f"{answers.crowd_wall * 1000:,.0f} ms, {answers.crowd_made} jobs made, "
        f"{answers.crowd_told} ends told to a socket, the last job over after "
        f"{answers.crowd_over:.1f} s. The first export of all, for which the database is made and "
        f"a worker starts: {answers.first:.1f} s."
    )
    return f"{markdown(head, rows)}\n\n{said}"


def _of_function(answers: FunctionAnswers | None) -> str:
    if answers is None:
        return ""
    head = ["the API's handler, on stand-ins, warm", "times", "median", "p95", "slowest"]
    rows = []
    for name, seconds in (
        ("POST of an export", answers.posts),
        ("GET of a status", answers.statuses),
    ):
        row = _row(name, seconds)
        rows.append([*row[:4], row[5]])
    said = "\n".join(
        f"- {name}: {_calls(asked)}"
        for name, asked in (("POST", answers.counted_post), ("GET", answers.counted_status))
    )
    return f"{markdown(head, rows)}\n\n{said}"


def _calls(asked: Asked) -> str:
    """Tell what one answer asked for, with the milliseconds that each call took."""
    calls = ", ".join(f"{each.what} {each.seconds * 1000:.1f}" for each in asked.calls)
    return (
        f"of {asked.seconds * 1000:.1f} ms with counting, {asked.elsewhere * 1000:.1f} are spent "
        f"in stand-ins; it waits for {asked.waits_for:.1f} round trips one behind the other: "
        f"{calls} ms."
    )


def _row(name: str, seconds: Sequence[float]) -> list[str]:
    shown = [percentile(seconds, which) for which in (50, 95, 99)]
    slowest = max(seconds, default=None)
    return [name, str(len(seconds)), *(_milliseconds(each) for each in (*shown, slowest))]


def _seconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds:.2f} s"


def _milliseconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds * 1000:,.1f} ms"


def _rate(rows: float | None) -> str:
    return NOTHING if rows is None else f"{rows:,.0f}"


def _megabytes(size: int | None) -> str:
    return NOTHING if size is None else f"{size / MEGABYTE:,.0f} MB"


def _percent(share: float) -> str:
    return f"{100 * share:+.2f} %"
