"""The results as Markdown tables that read well in a terminal too."""

import statistics
from collections.abc import Mapping, Sequence

import floor
import ways
from measure import Results
from targets import MEGABYTE, TIMES, Target
from ways import Way

NOTHING = "\N{EN DASH}"


def tables(
    results: Results,
    all_ways: Sequence[Way],
    lineitems: Mapping[str, Results],
    found: Sequence[Target],
) -> str:
    """Lay out everything measured: the ways side by side, ours by case, lineitem, the targets."""
    parts = [
        _compared(results, all_ways),
        _notes(results, all_ways),
        _by_case(results),
        *(f"TPC-H lineitem {name}\n\n{_lineitem(each)}" for name, each in lineitems.items()),
        _crowd(results),
        target_table(found),
    ]
    return "\n\n".join(part for part in parts if part)


def _compared(results: Results, all_ways: Sequence[Way]) -> str:
    head = ["way", "CSV", "ours is", "NDJSON", "JSON", "first byte", "slice, sorted",
            "slice, shuffled", "peak memory"]  # fmt: skip
    rows = [_compared_row(results, way) for way in all_ways]
    least, plain = results.floor(), results.seconds(ways.OURS, ways.CSV)
    if least is not None:
        times = f"{plain / least:.2f} {TIMES} its time" if plain else ""
        rows.append(["decode only (the floor)", f"{least:.2f} s", times, *[""] * 6])
    return markdown(head, rows)


def _compared_row(results: Results, way: Way) -> list[str]:
    seconds, plain = _scaled(results, way, ways.CSV), results.seconds(ways.OURS, ways.CSV)
    of_its = results.slices.get(way.name, {})
    return [
        way.name,
        _speed(results, way, ways.CSV),
        f"{seconds / plain:.1f} {TIMES} as fast"
        if seconds and plain and way.name != ways.OURS
        else "",
        _speed(results, way, ways.NDJSON),
        _speed(results, way, ways.JSON),
        _milliseconds(results.first_bytes.get(way.name)),
        *(
            _milliseconds(of_its[case].kept_open)
            if case in of_its
            else _failure(results, way.name, case)
            for case in (ways.SLICE, ways.SHUFFLED)
        ),
        _peak(results, way.name),
    ]


def _notes(results: Results, all_ways: Sequence[Way]) -> str:
    lines = [
        "Times are medians over HTTP with curl. Slices are a warm server's, on an open connection."
    ]
    if results.floor_seconds:
        lines.append(
            "The floor: DuckDB decodes the whole file into Arrow batches, in a process of its "
            f"own, nothing encoded or sent ({results.floor_variant}: the fastest of "
            f"{len(results.floor_variants)} variants)."
        )
    if results.plain_floor_seconds:
        plain = statistics.median(results.plain_floor_seconds)
        lines.append(f"Beside it, {floor.PLAIN}: {plain:.2f} s.")
    if results.checked:
        lines.append(f"Checked in this run: {'; '.join(results.checked)}.")
    lines += [f"{way.name}: {way.note}." for way in all_ways if way.note]
    lines += [
        f"{name}, {case}: {reason}"
        for name, failures in results.failures.items()
        for case, reason in failures.items()
    ]
    return "\n".join(f"- {line}" for line in lines)


def _by_case(results: Results) -> str:
    cases = results.transfers.get(ways.OURS, {})
    least, plain = results.floor(), results.seconds(ways.OURS, ways.CSV)
    rows = []
    for case in cases:
        seconds, size = results.seconds(ways.OURS, case), results.size(ways.OURS, case)
        if seconds is None or size is None:
            continue
        rows.append(
            [
                case,
                f"{seconds:.2f} s",
                f"{size / MEGABYTE:,.0f} MB",
                f"{size / MEGABYTE / seconds:,.0f} MB/s",
                f"{seconds / least:.2f}" if least else NOTHING,
                f"{seconds / plain:.2f}" if plain else NOTHING,
                _peak(results, ways.OURS, case),
            ]
        )
    if not rows:
        return ""
    head = [
        ways.OURS,
        "time",
        "sent",
        "speed",
        f"{TIMES} floor",
        f"{TIMES} plain CSV",
        "peak memory",
    ]
    return markdown(head, rows)


def _lineitem(results: Results) -> str:
    rows = []
    for case in results.transfers.get(ways.OURS, {}):
        seconds, size = results.seconds(ways.OURS, case), results.size(ways.OURS, case)
        if seconds is None or size is None:
            continue
        speed = f"{size / MEGABYTE / seconds:,.0f} MB/s"
        sent = f"{size / MEGABYTE:,.0f} MB"
        rows.append([case, f"{seconds:.1f} s", sent, speed, _peak(results, ways.OURS, case)])
    rows += [[case, reason, "", "", ""] for case, reason in
             results.failures.get(ways.OURS, {}).items()]  # fmt: skip
    return markdown([*results.checked, "time", "sent", "speed", "peak memory"], rows)


def _crowd(results: Results) -> str:
    crowd = results.crowd
    if crowd is None:
        return ""
    said = (
        f"{crowd.readers} slow readers: {len(crowd.refused)} refused, {crowd.closed_early} closed "
        f"early, at least {crowd.fewest_bytes / MEGABYTE:.1f} MB read by each; "
        f"{_megabytes(crowd.peak)} in all; first byte of a new request beside them "
        f"{_milliseconds(crowd.first_byte_median)} (median), "
        f"{_milliseconds(crowd.first_byte_max)} (slowest)."
    )
    if results.cold_start_seconds:
        starts = ", ".join(f"{each:.2f}" for each in sorted(results.cold_start_seconds))
        said += f"\nCold process to its first answer: {starts} s."
    if results.import_seconds is not None:
        said += f" Import of the app: {results.import_seconds:.2f} s."
    return said


def target_table(found: Sequence[Target]) -> str:
    """Lay out what was wanted beside what was measured."""
    rows = [[each.name, each.wanted, _measured(each), _verdict(each)] for each in found]
    return markdown(["target", "wanted", "measured", ""], rows)


def _measured(target: Target) -> str:
    if target.measured is None:
        return NOTHING
    shown = f"{target.measured:,.2f} {target.unit}"
    if target.between is not None:
        low, high = target.between
        shown += f" ({low:,.2f} to {high:,.2f})"
    return shown


def _verdict(target: Target) -> str:
    if target.reached is None:
        return "not measured" if target.measured is None else "undecided"
    return "reached" if target.reached else "MISSED"


def _scaled(results: Results, way: Way, case: str) -> float | None:
    seconds = results.seconds(way.name, case)
    return None if seconds is None else seconds / way.share


def _speed(results: Results, way: Way, case: str) -> str:
    seconds, size = _scaled(results, way, case), results.size(way.name, case)
    if seconds is None or size is None:
        return _failure(results, way.name, case)
    return f"{seconds:.2f} s, {size / way.share / MEGABYTE / seconds:,.0f} MB/s"


def _failure(results: Results, way: str, case: str) -> str:
    return "fails" if case in results.failures.get(way, {}) else NOTHING


def _milliseconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds * 1000:,.1f} ms"


def _peak(results: Results, way: str, case: str | None = None) -> str:
    cases = results.memory.get(way, {})
    chosen = cases.values() if case is None else [cases[case]] if case in cases else []
    return _megabytes(max((each.peak for each in chosen if each.peak), default=None))


def _megabytes(size: int | None) -> str:
    return NOTHING if size is None else f"{size / MEGABYTE:,.0f} MB"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table whose columns are as wide as their widest cell."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])
