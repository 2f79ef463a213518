"""Functions around columns, drawn at random, and what they give."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pyarrow as pa
from tests.flows import slices_evaluation as sure
from tests.flows.slices_fields import Field, Row
from tests.flows.slices_values import Values, range_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A column or a function of columns in an expression; `like` is what its values look like."""

    text: str
    like: Field
    value: Callable[[Row], Any]
    is_column: bool = False


@dataclass(frozen=True, slots=True)
class Functions:
    """Draws functions around operands."""

    rng: Random
    values: Values

    def applied(self, operand: Operand, operands: list[Operand]) -> Operand:
        """Put a function around an operand, or don't."""
        of = operand.like
        if self.rng.random() < 0.6:
            return operand
        match of.kind:
            case "text":
                return self.of_text(operand)
            case "integer" | "decimal" | "float":
                return self.of_number(operand)
            case "date" | "timestamp" | "timestamptz" if self.rng.random() < 0.6:
                return self.of_moment(operand)
            case "nested" | "binary":
                return operand
        others = [other for other in operands if other.like.stored == of.stored]
        return self.coalesced(operand, self.rng.choice(others))

    def of_text(self, operand: Operand) -> Operand:
        function = self.rng.choice(("lower", "upper", "trim", "length", "coalesce"))
        if function == "coalesce":
            return self.coalesced(operand, None)
        change: Callable[[str], Any] = {
            "lower": sure.lower,
            "upper": sure.upper,
            "trim": sure.trim,
            "length": len,
        }[function]
        pool = tuple(change(value) for value in operand.like.pool)
        like = replace(operand.like, pool=pool)
        if function == "length":
            like = Field(name="", kind="integer", stored=pa.int64(), pool=pool)
        return Operand(
            text=f"{function}({operand.text})", like=like, value=_mapped(operand, change)
        )

    def of_number(self, operand: Operand) -> Operand:
        of = operand.like
        function = self.rng.choice(("abs", "round", "coalesce"))
        if function == "coalesce":
            return self.coalesced(operand, None)
        if function == "abs":
            least = range_of(of.stored)[0]
            if of.kind == "integer" and least in of.pool:
                return operand
            like = replace(of, pool=tuple(abs(value) for value in of.pool))
            return Operand(text=f"abs({operand.text})", like=like, value=_mapped(operand, abs))
        places = self.rng.choice((None, 0, 1, 2))
        if of.kind != "float" and self.rng.random() < 0.2:
            places = -1
        if of.kind == "float" and not of.tame:
            return operand

        def change(value: Any) -> Any:
            return sure.rounded(value, places or 0, is_single=of.is_single)

        like = replace(of, pool=tuple(change(value) for value in of.pool))
        if of.kind == "decimal":
            scale = max(0, min(of.stored.scale, places or 0))
            like = replace(like, stored=pa.decimal128(of.stored.precision, scale))
        if of.kind in {"integer", "decimal"}:
            least, most = range_of(like.stored)
            if any(not least <= value <= most for value in like.pool):
                return operand
        text = f"round({operand.text}{'' if places is None else f', {places}'})"
        return Operand(text=text, like=like, value=_mapped(operand, change))

    def of_moment(self, operand: Operand) -> Operand:
        units = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
        unit = self.rng.choice(units)
        of = operand.like
        kind = "timestamptz" if of.kind == "timestamptz" else "timestamp"

        def change(value: Any) -> int:
            return sure.truncated(unit, value)

        pool = tuple(change(value) for value in of.pool if sure.day_of(value).year > 1)
        pool = pool or (0,)
        like = Field(name="", kind=kind, stored=pa.timestamp("us"), pool=pool, finer=1000)
        text = f"date_trunc('{self.rng.choice((unit, unit.upper()))}', {operand.text})"
        return Operand(text=text, like=like, value=_mapped(operand, change))

    def coalesced(self, operand: Operand, other: Operand | None) -> Operand:
        if other is None:
            value, text = self.values.literal(operand.like)
            pool = (*operand.like.pool, value)

            def instead(row: Row) -> Any:
                found = operand.value(row)
                return value if found is None else found
        else:
            text, pool = other.text, (*operand.like.pool, *other.like.pool)

            def instead(row: Row) -> Any:
                found = operand.value(row)
                return other.value(row) if found is None else found

        like = replace(operand.like, pool=pool)
        return Operand(text=f"coalesce({operand.text}, {text})", like=like, value=instead)


def _mapped(operand: Operand, change: Callable[[Any], Any]) -> Callable[[Row], Any]:
    def value(row: Row) -> Any:
        found = operand.value(row)
        return None if found is None else change(found)

    return value
