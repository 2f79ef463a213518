"""Generated columns: naughty names, and values of every kind.

A value is kept in one plain form, whatever its column's width or unit: text as str, numbers as int,
Decimal or float, times and timestamps as nanoseconds (since midnight, since 1970 in UTC), UUIDs as
their text, nested values as lists and dicts.
"""

import math
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from random import Random
from typing import Any

import pyarrow as pa

Row = dict[str, Any]

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
"""Nanoseconds of each unit."""

FIRST_DAY, LAST_DAY = date(1, 1, 1), date(9999, 12, 31)
EPOCH = date(1970, 1, 1)
_DAY_NS = 86_400 * 10**9

TEXTS = (
    *("", " ", "a", "A", "b", "Bath", "bath", "BATH", "ab", "aab", "NULL", "null", "None", "NaN"),
    *("it's", 'say "hi"', '"', "'", "a,b", ",", "x\ny", "\r\n", "\r", "\t", "line\n"),
    *("%", "_", "50%", "a_b", "a%b", "\\", "\\%", "\\N", "%41", "a+b", "a b", "a&b=c", "#", ";"),
    *("é", "e\u0301", "É", "ß", "ẞ", "Straße", "İstanbul", "istanbul", "ΣΑΣ", "σας", "ǆ", "ﬁ"),
    *("日本語", "中", "👩\u200d👩\u200d👧", "\U0010ffff", "\ue000", "\u202eabc", "\ufeffbom"),
    *("\u00a0x\u00a0", "\u3000y ", " z", "\x7f", "\x01", "\u2028", "\u0085", "\u200b"),
    *("=1+1", "-1", "+1", "@x", "1", "01", "1.0", "true", "[1]", '["a","b"]', "{}", "()", "?"),
    *("' OR 1=1 --", "'; DROP TABLE x; --", "/* */", "../../etc/passwd", "${x}", "{{7*7}}", "$1"),
    *("z" * 300, "ü" * 130, "a" * 1000),
)
"""Texts that something, somewhere, has taken for more than text."""

NAMES = (
    *("a", "b", "c", "name", "Name", "NAME", "name_1", "Name_1", "organisation-entity"),
    *("start-date", "a__gt", "a__exact", "a__in", "x__y", "b__", "_hidden", "_limit", "_where"),
    *("__", "_", "-b", "p as q", "x, y", 'say "hi"', '"', "名前", "é", "e\u0301", "count"),
    *(
        "count(*)",
        "sum(a)",
        "select",
        "null",
        "true",
        "not",
        "from",
        "utm_source",
        "gclid",
        " lead",
    ),
    *("trail ", "a.b", "a=b", "a&b", "a+b", "1st", "%", "%41", "it's", "file_index", "filename"),
    *(
        "rowid",
        "place",
        "c0",
        "k0",
        "c1",
        "date",
        "and",
        "distinct x",
        "\t",
        "a\nb",
        "\u0131",
        "\\",
    ),
)
"""Column names that people have, that the grammar or the engine uses itself, and worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column: its kind, how it is stored, and the values that its rows are drawn from.

    `tame` says that sums and roundings of it are exact in any order. `finer` nanoseconds are one
    step of its clock.
    """

    name: str
    kind: str
    stored: pa.DataType
    pool: tuple[Any, ...]
    tame: bool = True
    finer: int = 1

    @property
    def is_single(self) -> bool:
        """Whether it is a float of 32 bits."""
        return self.kind == "float" and bool(pa.types.is_float32(self.stored))


def drawn_field(rng: Random, name: str) -> Field:
    """Draw a column of any kind."""
    return rng.choice(_MAKERS)(rng, name)


def _text(rng: Random, name: str) -> Field:
    dictionary = pa.dictionary(pa.int32(), pa.string())
    stored = rng.choice((pa.string(), pa.string(), pa.large_string(), dictionary))
    pool = [*rng.sample(TEXTS, rng.randint(1, 7))]
    pool += [*rng.sample(("a", "b", "", "ab", "Bath"), rng.randint(0, 3))]
    if rng.random() < 0.05:
        pool.append("nul\0l")
    return Field(name=name, kind="text", stored=stored, pool=tuple(pool))


def _integer(rng: Random, name: str) -> Field:
    bits = rng.choice((8, 16, 32, 64))
    signed = rng.random() < 0.7
    stored = getattr(pa, f"{'' if signed else 'u'}int{bits}")()
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    near = [value for value in (-100, -7, -1, 0, 1, 2, 3, 10, 15, 25, 100) if value >= least]
    pool = rng.sample(near, rng.randint(1, 6))
    if rng.random() < 0.4:
        pool += rng.sample((least, least + 1, most, most - 1), rng.randint(1, 3))
    return Field(name=name, kind="integer", stored=stored, pool=tuple(pool))


def _decimal(rng: Random, name: str) -> Field:
    precision, scale = rng.choice(((3, 1), (5, 2), (9, 0), (10, 2), (18, 4), (38, 10), (38, 0)))
    # Sixty of the widest must still add up within 38 digits.
    digits = min(precision, 34)
    counts = [0, *(rng.randint(-25, 25) for _ in range(rng.randint(0, 4)))]
    counts += [sign * (10**digits - 1) for sign in (-1, 1) if rng.random() < 0.5]
    with localcontext(prec=100):
        pool = [Decimal(count).scaleb(-scale) for count in counts]
    return Field(
        name=name, kind="decimal", stored=pa.decimal128(precision, scale), pool=tuple(pool)
    )


def _float(rng: Random, name: str) -> Field:
    stored = rng.choice((pa.float32(), pa.float64()))
    pool = [rng.randint(-40, 40) / 4 for _ in range(rng.randint(1, 6))]
    tame = rng.random() < 0.5
    if not tame:
        odd = (math.nan, math.inf, -math.inf, 0.0, -0.0, 0.1, -0.1, 1 / 3, 1e30, 1e-30, 16777217.0)
        pool += rng.sample(odd, rng.randint(1, 5))
        if stored == pa.float64():
            pool += rng.sample((1e300, 5e-324, 2.0**53 + 2, 1.1, 2.675), rng.randint(0, 2))
    if stored == pa.float32():
        pool = [single(value) for value in pool]
    return Field(name=name, kind="float", stored=stored, pool=tuple(pool), tame=tame)


def _boolean(rng: Random, name: str) -> Field:
    pool = rng.choice(((True, False), (True,), (False,)))
    return Field(name=name, kind="boolean", stored=pa.bool_(), pool=pool)


def _date(rng: Random, name: str) -> Field:
    pool = [date(2024, 5, 1) + timedelta(days=rng.randint(-40, 40)) for _ in range(4)]
    pool += rng.sample(
        (FIRST_DAY, LAST_DAY, EPOCH, date(1969, 12, 31), date(2024, 2, 29), date(1600, 2, 29)),
        rng.randint(0, 3),
    )
    return Field(
        name=name, kind="date", stored=rng.choice((pa.date32(), pa.date64())), pool=tuple(pool)
    )


def _timestamp(rng: Random, name: str) -> Field:
    unit = rng.choice(("s", "ms", "us", "ns"))
    zone = rng.choice((None, None, "UTC", "Europe/Paris"))
    if zone is not None and unit == "ns":
        # The engine's timestamps with a zone end at microseconds.
        unit = "us"
    step = UNITS[unit]
    day = (date(2024, 5, 1) - EPOCH).days
    pool = [
        (day + rng.randint(-2, 2)) * _DAY_NS
        + rng.choice((0, 0, _DAY_NS - 1, rng.randrange(_DAY_NS)))
        for _ in range(rng.randint(1, 6))
    ]
    pool += rng.sample((0, -1, -_DAY_NS, 1, 951_782_400 * 10**9), rng.randint(0, 2))
    if unit != "ns":
        ends = [(day - EPOCH).days * _DAY_NS for day in (FIRST_DAY, LAST_DAY)]
        pool += rng.sample([ends[0], ends[1] + _DAY_NS - 1], rng.randint(0, 2))
    pool = [value // step * step for value in pool]
    kind = "timestamp" if zone is None else "timestamptz"
    stored = pa.timestamp(unit, tz=zone)
    return Field(name=name, kind=kind, stored=stored, pool=tuple(pool), finer=step)


def _time(rng: Random, name: str) -> Field:
    stored = rng.choice((pa.time32("s"), pa.time32("ms"), pa.time64("us")))
    step = UNITS[stored.unit]
    pool = [rng.randrange(_DAY_NS) // step * step for _ in range(rng.randint(1, 4))]
    pool += rng.sample((0, _DAY_NS - step, 43_200 * 10**9), rng.randint(0, 3))
    return Field(name=name, kind="time", stored=stored, pool=tuple(pool), finer=step)


def _uuid(rng: Random, name: str) -> Field:
    pool = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(rng.randint(1, 4))]
    pool += [str(uuid.UUID(int=number)) for number in (0, 2**127, 2**128 - 1)]
    return Field(name=name, kind="uuid", stored=pa.uuid(), pool=tuple(pool))


def _binary(rng: Random, name: str) -> Field:
    stored = rng.choice((pa.binary(), pa.large_binary(), pa.binary(2)))
    if stored == pa.binary(2):
        pool = [b"\x00\xff", b"ab", b"\\x", b"\x80\x81"]
    else:
        pool = [b"", b"\x00", b"\xff\xfe", b"text", b"\\x41", b"'", b"\xf0\x9f\x98\x80"]
    kept = rng.sample(pool, rng.randint(1, len(pool)))
    return Field(name=name, kind="binary", stored=stored, pool=tuple(kept))


def _nested(rng: Random, name: str) -> Field:
    word = rng.choice(TEXTS)
    stored, pool = rng.choice(
        (
            (pa.list_(pa.int64()), [[], [1], [1, None, 3], [2**62]]),
            (pa.list_(pa.string()), [[], [word], ["a", None, ""], ['"', "\n", "\\"]]),
            (
                pa.struct([("a", pa.int32()), ("b, c", pa.string())]),
                [{"a": 1, "b, c": word}, {"a": None, "b, c": None}],
            ),
            (
                pa.list_(pa.struct([("x", pa.float64()), ("ok", pa.bool_())])),
                [[], [{"x": 0.25, "ok": True}, None, {"x": None, "ok": False}]],
            ),
            (pa.map_(pa.string(), pa.int32()), [(), (("k", 1), (word, 2)), (("n", None),)]),
            (
                pa.struct(
                    [
                        ("at", pa.timestamp("us", "UTC")),
                        ("on", pa.date32()),
                        ("price", pa.decimal128(5, 2)),
                        ("ratio", pa.float64()),
                        ("raw", pa.binary()),
                    ]
                ),
                [
                    dict.fromkeys(("at", "on", "price", "ratio", "raw")),
                    {
                        "at": datetime(2024, 5, 1, 10, 30, tzinfo=UTC),
                        "on": date(2024, 5, 1),
                        "price": Decimal("1.50"),
                        "ratio": math.nan,
                        "raw": b"\x00\xff",
                    },
                ],
            ),
        )
    )
    return Field(name=name, kind="nested", stored=stored, pool=tuple(pool))


_MAKERS: tuple[Callable[[Random, str], Field], ...] = (
    *(_text, _text, _text, _integer, _integer, _integer, _decimal, _decimal, _float, _float),
    *(_boolean, _date, _date, _timestamp, _timestamp, _time, _uuid, _binary, _nested),
)


def single(value: float) -> float:
    """Round to the nearest float of 32 bits."""
    if math.isnan(value) or math.isinf(value):
        return value
    packed: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return packed
