"""What must be reached: each target with what was measured and whether that is enough."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import ways
from measure import Memory, Results

MEGABYTE = 1_000_000
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target: `measured` is None where this run didn't measure it."""

    name: str
    wanted: str
    measured: float | None
    unit: str
    reached: bool | None
    """None of what was not measured, or not well enough to say."""
    between: tuple[float, float] | None = None
    """Where the true value is with 95 % certainty, of what is known no better."""


def targets(results: Results, lineitems: Mapping[str, Results]) -> list[Target]:
    """Give every target of the download service, in the order of its list."""
    ours, plain = ways.OURS, results.seconds(ways.OURS, ways.CSV)
    floor = results.floor()
    found = [
        most("CSV, times the floor", _ratio(plain, floor), 2.8, TIMES),
        most("CSV, times the plain floor", _ratio(plain, results.plain_floor()), 2.8, TIMES),
        least(
            "CSV, times as fast as pandas",
            _ratio(results.seconds(ways.PANDAS, ways.CSV), plain), 15, TIMES,
        ),
        least(
            "CSV, times as fast as 2,000-row batches",
            _ratio(results.seconds(ways.SMALL_BATCHES, ways.CSV), plain), 2, TIMES,
        ),
        most(
            "NDJSON, times the floor", _ratio(results.seconds(ours, ways.NDJSON), floor), 3.5, TIMES
        ),
        most(
            "NDJSON, times the plain floor",
            _ratio(results.seconds(ours, ways.NDJSON), results.plain_floor()), 3.5, TIMES,
        ),
    ]  # fmt: skip
    for case in (ways.GZIP, ways.ZSTD):
        ratio = _ratio(results.seconds(ours, case), plain)
        found.append(most(f"{case}, times the plain CSV", ratio, 1.3, TIMES))
    one = results.slices.get(ours, {}).get(ways.SLICE)
    first = results.first_bytes.get(ours)
    found += [
        most("first byte of the whole CSV, warm", _milli(first), 15, "ms"),
        most(f"{ways.SLICE}, warm", _milli(one.kept_open if one else None), 15, "ms"),
        most("peak memory, any case", _peak(results.memory.get(ours, {})), 256, "MB"),
    ]
    found += [
        most(f"peak memory, {name}", _peak(each.memory.get(ours, {})), 256, "MB")
        for name, each in lineitems.items()
    ]
    crowd = results.crowd
    complete = crowd is not None and not crowd.refused and not crowd.closed_early
    peak = crowd.peak / MEGABYTE if crowd and crowd.peak else None
    held = most("peak memory with 50 slow readers, all served", peak, 400, "MB")
    if crowd is not None and not complete:
        held = replace(held, reached=False)
    beside = _milli(crowd.first_byte_max) if crowd else None
    cold = max(results.cold_start_seconds, default=None)
    return [
        *found,
        held,
        most("first byte beside them, slowest of 20", beside, 100, "ms"),
        most("cold process to its first answer, slowest", cold, 1.2, "s"),
    ]


def most(name: str, measured: float | None, limit: float, unit: str) -> Target:
    """Make a target that is reached at the limit and below it."""
    reached = None if measured is None else measured <= limit
    wanted = f"≤ {limit:g} {unit}"
    return Target(name=name, wanted=wanted, measured=measured, unit=unit, reached=reached)


def least(name: str, measured: float | None, limit: float, unit: str) -> Target:
    """Make a target that is reached at the limit and above it."""
    reached = None if measured is None else measured >= limit
    wanted = f"≥ {limit:g} {unit}"
    return Target(name=name, wanted=wanted, measured=measured, unit=unit, reached=reached)


def _ratio(seconds: float | None, other: float | None) -> float | None:
    return seconds / other if seconds is not None and other else None


def _milli(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _peak(cases: Mapping[str, Memory]) -> float | None:
    peaks = [each.peak for each in cases.values() if each.peak is not None]
    return max(peaks) / MEGABYTE if peaks else None
