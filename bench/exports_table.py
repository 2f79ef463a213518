"""The results of exports as Markdown tables."""

from collections.abc import Sequence
from statistics import median

from exports_peers import NOTES
from exports_results import Answers, Made, Results, Taken, middle, peak, percentile, rate
from table import NOTHING, markdown, target_table
from targets import MEGABYTE, TIMES, Target

OURS = "Penstock, penstock work"

_HOW = (
    "Times are medians. Ours is from the start of a job's attempt to its end, checks and manifest "
    "included, by a worker that had made a small export before; a peer's begins with its "
    "connecting. Peak memory is that of the process, without the database's."
)


def tables(results: Results, found: Sequence[Target]) -> str:
    """Lay out everything measured: the ways out of PostgreSQL, slices, answers, the targets."""
    parts = [
        _ways(results),
        _notes(results),
        _progress(results),
        _slices(results),
        _answers(results.answers),
        target_table(found),
    ]
    return "\n\n".join(part for part in parts if part)


def _ways(results: Results) -> str:
    head = [f"{results.rows:,} rows of PostgreSQL", "time", "rows/s", "ours takes", "written",
            "peak memory"]  # fmt: skip
    ours = middle(results.exports, lambda each: each.seconds)
    rows = [
        [
            OURS,
            _seconds(ours),
            _rate(rate(results.exports)),
            "",
            _megabytes(results.exports[0].size if results.exports else None),
            _megabytes(peak(results.exports)),
        ]
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
    if results.checked:
        lines.append(f"Checked in this run: {'; '.join(results.checked)}.")
    lines += [f"{way}: {note}." for way, note in NOTES.items() if way in results.peers]
    lines += [f"{way}: {reason}" for way, reason in results.failures.items()]
    return "\n".join(f"- {line}" for line in lines)


def _progress(results: Results) -> str:
    if not (results.told and results.silent):
        return ""
    head = ["the same job", "median", "fastest", "slowest", "processor time, median"]
    told, silent = _spread(results.told), _spread(results.silent)
    rows = [
        ["with its progress", *(_seconds(each) for each in told)],
        ["without", *(_seconds(each) for each in silent)],
        [
            "what progress costs",
            *(
                _percent(one / other) if other else NOTHING
                for one, other in zip(told, silent, strict=True)
            ),
        ],
    ]
    return markdown(head, rows)


def _spread(made: Sequence[Made]) -> list[float]:
    taken = [each.seconds for each in made]
    spent = median(each.processor_seconds for each in made)
    return [median(taken), min(taken), max(taken), spent]


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


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"
