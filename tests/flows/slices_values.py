"""Values to compare columns with, drawn at random, and their text in a URL."""

import json
import math
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
from tests.flows import slices_evaluation as sure
from tests.flows.slices_fields import FIRST_DAY, LAST_DAY, TEXTS, Field, single

NUMBERS = frozenset({"integer", "decimal", "float"})
MOMENTS = frozenset({"date", "timestamp", "timestamptz"})
ORDERED = frozenset({"text", "boolean", "time", "uuid", *NUMBERS, *MOMENTS})
COMPARABLE = ORDERED | {"binary"}

_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Values:
    """Draws values."""

    rng: Random

    def value(self, column: Field, *, empty: bool = True) -> Any:
        """Draw a value to compare a column with, most often one of its own."""
        value = self.rng.choice(column.pool)
        if self.rng.random() < 0.2:
            value = self.other(column, value)
        if column.kind == "text" and ("\0" in value or not (value or empty)):
            return "a"
        if value == b"" and not empty:
            return b"ab"
        return value

    def other(self, column: Field, value: Any) -> Any:
        match column.kind:
            case "text":
                return self.rng.choice(TEXTS)
            case "integer":
                moved = value + self.rng.choice((-1, 1))
                least, most = range_of(column.stored)
                return moved if least <= moved <= most else value
            case "float":
                moved = self.rng.choice((0.0, -0.0, math.inf, -math.inf, math.nan, value / 2, 0.25))
                return single(moved) if column.is_single else moved
            case "date":
                days = self.rng.choice((-1, 1))
                return value if value in {FIRST_DAY, LAST_DAY} else value + timedelta(days=days)
            case "timestamp" | "timestamptz" | "time":
                moved = value // column.finer * column.finer + column.finer
                return moved if moved % _DAY_NS else value
            case _:
                return value

    def bound(self, column: Field) -> tuple[Any, str]:
        """Draw a bound, which needn't be a value that the column can hold."""
        value = self.value(column, empty=False)
        if column.kind in {"integer", "decimal"} and self.rng.random() < 0.3:
            finer = Decimal(value) + Decimal(self.rng.choice(("0.5", "-0.5", "0.0001", "1E-12")))
            least, most = range_of(column.stored)
            if least <= finer <= most:
                return finer, format(finer, "f")
        if column.kind in {"timestamp", "timestamptz"} and self.rng.random() < 0.3:
            day = sure.day_of(value)
            return sure.moment(day), day.isoformat()
        return value, self.text(value, column)

    def part(self, text: str) -> str:
        start = self.rng.randint(0, len(text) - 1)
        part = text[start : self.rng.randint(start + 1, len(text))]
        return self.rng.choice((part, part, text, part.swapcase() or part))

    def text(self, value: Any, column: Field) -> str:
        """Write a value as a URL may have it."""
        choose = self.rng.choice
        match column.kind:
            case "integer":
                texts = [str(value), str(value), f"{value}.0"]
                return choose([*texts, f"+{value}"] if value >= 0 else texts)
            case "decimal":
                text = format(value, "f")
                return choose((text, f"{text}0" if "." in text else f"{text}.0"))
            case "float":
                return _float_text(value, column)
            case "boolean":
                return choose(("true", "1", "yes", "T") if value else ("false", "0", "no", "F"))
            case "timestamp" | "timestamptz":
                return self.moment_text(value)
            case "time":
                return _clock(value)
            case "uuid":
                return choose((str(value), str(value).upper(), str(value).replace("-", "")))
            case "binary":
                return str(choose((value.hex(), value.hex().upper())))
            case _:
                return str(value)

    def moment_text(self, value: int) -> str:
        zone, moved = self.rng.choice(
            (("", 0), ("Z", 0), ("+02:00", 2), (" 01:00", 1), ("-0530", -5.5))
        )
        local = value + int(moved * 3600) * 10**9
        if not sure.moment(FIRST_DAY) <= local < sure.moment(LAST_DAY):
            zone, local = "Z", value
        between = self.rng.choice(("T", " "))
        return f"{sure.day_of(local).isoformat()}{between}{_clock(local % _DAY_NS)}{zone}"

    def list_text(self, values: list[Any], column: Field) -> str:
        texts = [self.text(value, column) for value in values]
        plain = all(texts) and not any("," in text for text in texts)
        if plain and not texts[0].startswith("[") and self.rng.random() < 0.6:
            return ",".join(texts)
        if column.kind in {"integer", "decimal"} and self.rng.random() < 0.5:
            return f"[{', '.join(text.lstrip('+') for text in texts)}]"
        return json.dumps(texts, ensure_ascii=self.rng.random() < 0.5)

    def literal(self, of: Field, *, bound: bool = False) -> tuple[Any, str]:
        """Draw a value to compare a column or a function with, and its text in an expression."""
        value, text = self.bound(of) if bound else (self.value(of), "")
        if not bound:
            text = self.text(value, of)
        if of.kind in NUMBERS and not text.lstrip("+-").lower().startswith(("n", "i")):
            return value, self.rng.choice((text.removeprefix("+"), quoted(text)))
        if of.kind == "boolean" and text.lower() in {"true", "false"}:
            return value, self.rng.choice((text, text.upper(), quoted(text)))
        return value, quoted(text)


def range_of(stored: pa.DataType) -> tuple[Any, Any]:
    if pa.types.is_decimal(stored):
        most = (Decimal(10) ** stored.precision - 1).scaleb(-stored.scale)
        return -most, most
    if not pa.types.is_integer(stored):
        return -math.inf, math.inf
    if pa.types.is_signed_integer(stored):
        return -(2 ** (stored.bit_width - 1)), 2 ** (stored.bit_width - 1) - 1
    return 0, 2**stored.bit_width - 1


def _float_text(value: float, column: Field) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if not column.is_single:
        return repr(value)
    return next(
        f"{value:.{digits}g}"
        for digits in range(1, 18)
        if single(float(f"{value:.{digits}g}")) == value
    )


def _clock(value: int) -> str:
    seconds, below = divmod(value, 10**9)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    digits = f"{below:09}".rstrip("0")
    if not digits and not second and value % 7 == 0:
        return f"{hour:02}:{minute:02}"
    return f"{hour:02}:{minute:02}:{second:02}{'.' + digits if digits else ''}"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def double_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
