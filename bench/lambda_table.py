"""What was measured of the function, as Markdown tables that read well in a terminal too."""

from collections.abc import Callable, Sequence
from statistics import median

import cold
import paced
import pairs
import warm
from lambda_results import Results
from table import NOTHING, markdown, target_table
from targets import MEGABYTE, TIMES, Target


def tables(results: Results, found: Sequence[Target]) -> str:
    """Lay out each measurement, and the targets at the end."""
    parts = [
        f"The function: {results.program}.",
        _starts(results),
        _throughput(results),
        _slices(results),
        _requests(results),
        _shared(results),
        _delivered(results),
        _weights(results),
        target_table(found),
    ]
    return "\n\n".join(part for part in parts if part)


def _starts(results: Results) -> str:
    starts = results.starts
    if not starts.seconds:
        return ""
    head = ["cold start, process to first byte", *starts.seconds]
    rows = [["median", *(_seconds(median(each)) for each in starts.seconds.values())]]
    rows.append(["range", *(_range(each) for each in starts.seconds.values())])
    stages = [starts.median_stages(where) for where in starts.seconds]
    for name, times in zip(cold.STAGES, zip(*stages, strict=True), strict=True):
        rows.append([f"of it, {name}", *(_milliseconds(each) for each in times)])
    bare = _milliseconds(median(starts.interpreter))
    return (
        f"{markdown(head, rows)}\n\n"
        "- Steps are medians of other starts, which tell the times of their steps. The files are "
        f"in memory; a Python process that does nothing takes {bare}."
    )


def _throughput(results: Results) -> str:
    rows = []
    for source, cases in results.pairs.transfers.items():
        for case, servers in cases.items():
            ratios = results.pairs.ratios(source, case)
            speeds = (
                f"{each[0].size / MEGABYTE / median(one.seconds for one in each):,.0f} MB/s"
                for each in (servers[pairs.LOOP], servers[pairs.UVICORN])
            )
            sent = f"{servers[pairs.LOOP][0].size / MEGABYTE:,.0f} MB"
            spread = f"{min(ratios):.2f}\N{EN DASH}{max(ratios):.2f}"
            rows.append([f"{source}, {case}", sent, *speeds, f"{median(ratios):.2f}", spread])
    if not rows:
        return ""
    head = ["throughput", "sent", "the loop", "uvicorn", f"{TIMES} uvicorn", "range"]
    return markdown(head, rows)


def _slices(results: Results) -> str:
    slices = results.slices
    if not slices.times:
        return ""

    def cells(of: Callable[[warm.Times], float], way: str) -> list[str]:
        return [_milliseconds(slices.percentile(way, which, of)) for which in (50, 95)]

    rows = [
        [way, *cells(lambda each: each.first, way), *cells(lambda each: each.last, way)]
        for way in slices.times
    ]
    head = ["slice from S3, warm", "first byte, p50", "p95", "last byte, p50", "p95"]
    return (
        f"{markdown(head, rows)}\n\n- {len(slices.times[warm.LOOP])} of each, in turn. The engine "
        "alone: DuckDB with httpfs in a process of its own, from the query to the first and the "
        "last batch, nothing looked up, written or kept."
    )


def _requests(results: Results) -> str:
    slices = results.slices
    if slices.waits_for is None:
        return ""
    rows = [
        [each.what, _milliseconds(each.came), _milliseconds(each.answered)]
        for each in slices.requests
    ]
    return (
        f"{markdown(['requests of a slice', 'asked at', 'answered at'], rows)}\n\n"
        "- Of the run whose time is the median. With "
        f"{warm.DELAY_SECONDS * 1000:.0f} ms more for each request, the first byte is later by "
        f"{slices.waits_for.first:.1f} and the last one by {slices.waits_for.last:.1f} of them: "
        "so many round trips wait for each other."
    )


def _shared(results: Results) -> str:
    rows = [
        [
            f"{each.megabytes:,} MB",
            f"{each.processors:.2f}",
            _seconds(each.cold_start),
            _milliseconds(each.slice_first_byte),
            f"{each.gzip_bytes_a_second / MEGABYTE:.1f} MB/s",
        ]
        for each in results.shared
    ]
    if not rows:
        return ""
    head = ["setting", "of a processor", "cold start", "slice, first byte", "CSV, gzip, sent"]
    return (
        f"{markdown(head, rows)}\n\n- Medians on this machine's cores, of which a control group "
        "gives the share that Lambda gives the setting. At a start Lambda gives more."
    )


def _delivered(results: Results) -> str:
    if not results.delivered:
        return ""
    rows = []
    for case, one in results.delivered.items():
        ratio = paced.times_plain(results.delivered, case)
        paced_rows = one.rows_a_second_paced
        rows.append(
            [
                case,
                f"{one.taken.size / MEGABYTE:,.1f} MB",
                _seconds(one.taken.seconds),
                f"{one.rows_a_second:,.0f}",
                NOTHING if paced_rows is None else f"{paced_rows:,.0f}",
                NOTHING if ratio is None else f"{ratio:.1f}",
            ]
        )
    one = results.delivered[paced.PLAIN]
    head = ["under the cap", "sent", "time", "rows/s", "behind the burst", f"{TIMES} plain CSV"]
    return (
        f"{markdown(head, rows)}\n\n- {one.rows:,} rows, at once for "
        f"{one.pace.burst_bytes / MEGABYTE:g} MB and then at "
        f"{one.pace.bytes_a_second / MEGABYTE:g} MB/s; all formats at the same time, each from a "
        "process of its own. The ratio is the lower one of both rates."
    )


def _weights(results: Results) -> str:
    rows = [
        [
            f"{each.dataset}, {each.case}",
            f"{each.megabytes:,} MB",
            f"{each.sent / MEGABYTE:,.0f} MB" if each.sent else each.failure,
            _seconds(each.seconds) if each.sent else NOTHING,
            _megabytes(each.base),
            _megabytes(each.base_of_files),
            _megabytes(each.peak),
        ]
        for each in results.weights
    ]
    if not rows:
        return ""
    head = ["memory under the cap", "setting", "sent", "time", "at first", "files", "at most"]
    return (
        f"{markdown(head, rows)}\n\n- Resident bytes of a fresh process: at first, of it pages of "
        "files, and at most (VmRSS, RssFile, VmHWM); each under a multiple of Lambda's cap. The "
        "setting is the template's, held by a limit on private memory that may be written, "
        "resident or not (RLIMIT_DATA): stricter than Lambda's."
    )


def _range(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.2f}\N{EN DASH}{max(seconds):.2f} s"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _milliseconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds * 1000:,.1f} ms"


def _megabytes(size: int | None) -> str:
    return NOTHING if size is None else f"{size / MEGABYTE:,.0f} MB"
