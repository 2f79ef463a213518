"""Expressions for `_where` and `_having`, drawn at random, and what they keep."""

import re
from dataclasses import dataclass
from random import Random

import pyarrow as pa
from tests.flows import slices_evaluation as sure
from tests.flows.slices_evaluation import Test, Truth
from tests.flows.slices_fields import Field, Row
from tests.flows.slices_functions import Functions, Operand
from tests.flows.slices_values import (
    COMPARABLE,
    MOMENTS,
    NUMBERS,
    ORDERED,
    Values,
    double_quoted,
    quoted,
    range_of,
)

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset(
    ("and", "or", "not", "in", "is", "like", "between", "null", "true", "false", "distinct", "from")
)


@dataclass(frozen=True, slots=True)
class Expressions:
    """Draws predicates over operands."""

    rng: Random
    values: Values
    functions: Functions

    def expression(self, operands: list[Operand], *, depth: int) -> tuple[str, Test]:
        """Draw a predicate."""
        if depth <= 0:
            return self.leaf(operands)
        kind = self.rng.choice(("and", "or", "not", "leaf"))
        if kind == "leaf":
            return self.leaf(operands)
        if kind == "not":
            text, test = self.expression(operands, depth=depth - 1)
            return f"NOT ({text})", lambda row: sure.negated(test(row))
        inner = [self.expression(operands, depth=depth - 1) for _ in range(self.rng.randint(2, 3))]
        join = f" {self.rng.choice((kind, kind.upper()))} "
        text = join.join(f"({text})" for text, _ in inner)
        together = sure.all_of if kind == "and" else sure.any_of
        return text, lambda row: together(test(row) for _, test in inner)

    def leaf(self, operands: list[Operand]) -> tuple[str, Test]:
        operand = self.functions.applied(self.rng.choice(operands), operands)
        of = operand.like
        kinds = ["null"]
        if of.kind in COMPARABLE:
            kinds += ["compare", "compare", "compare", "in", "distinct", "column"]
        if of.kind in ORDERED:
            kinds += ["between"]
        if of.kind == "text":
            kinds += ["like", "like"]
        if of.kind == "boolean" and operand.is_column:
            kinds += ["truth"]
        match self.rng.choice(kinds):
            case "null":
                negated = self.rng.random() < 0.5
                text = f"{operand.text} IS {'NOT ' if negated else ''}NULL"
                return text, lambda row: (operand.value(row) is None) != negated
            case "compare":
                return self.comparison(operand)
            case "column":
                return self.two_columns(operand, operands)
            case "in":
                return self.membership(operand)
            case "between":
                return self.between(operand)
            case "distinct":
                value, text = self.values.literal(operand.like)
                same = self.rng.random() < 0.5
                words = f"{operand.text} IS {'NOT ' if same else ''}DISTINCT FROM {text}"
                return (
                    words,
                    lambda row: sure.compare("IS DISTINCT FROM", operand.value(row), value) != same,
                )
            case "truth":
                return operand.text, operand.value
            case _:
                return self.like(operand)

    def comparison(self, operand: Operand) -> tuple[str, Test]:
        ordered = operand.like.kind in ORDERED
        operator = self.rng.choice(
            ("=", "<>", "!=", "<", "<=", ">", ">=") if ordered else ("=", "<>")
        )
        meant = operator.replace("!=", "<>")
        value, text = self.values.literal(operand.like, bound=operator not in {"=", "<>", "!="})
        if self.rng.random() < 0.2:
            flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
            return f"{text} {flipped} {operand.text}", lambda row: sure.compare(
                meant, operand.value(row), value
            )
        space = self.rng.choice(("", " "))
        return f"{operand.text}{space}{operator}{space}{text}", lambda row: sure.compare(
            meant, operand.value(row), value
        )

    def two_columns(self, operand: Operand, operands: list[Operand]) -> tuple[str, Test]:
        others = [other for other in operands if _meet(operand.like, other.like)]
        if not others:
            return self.comparison(operand)
        other = self.rng.choice(others)
        ordered = operand.like.kind in ORDERED
        operator = self.rng.choice(
            ("=", "<>", "<", ">=", "IS DISTINCT FROM") if ordered else ("=",)
        )
        return f"{operand.text} {operator} {other.text}", lambda row: sure.compare(
            operator, operand.value(row), other.value(row)
        )

    def membership(self, operand: Operand) -> tuple[str, Test]:
        literals = [self.values.literal(operand.like) for _ in range(self.rng.randint(1, 4))]
        negated = self.rng.random() < 0.4
        texts = ", ".join(text for _, text in literals)

        def test(row: Row) -> Truth:
            value = operand.value(row)
            found = sure.any_of(sure.compare("=", value, item) for item, _ in literals)
            return sure.negated(found) if negated else found

        return f"{operand.text} {'NOT ' if negated else ''}IN ({texts})", test

    def between(self, operand: Operand) -> tuple[str, Test]:
        (low, low_text), (high, high_text) = (
            self.values.literal(operand.like, bound=True) for _ in range(2)
        )
        negated = self.rng.random() < 0.3

        def test(row: Row) -> Truth:
            value = operand.value(row)
            found = sure.all_of((sure.compare(">=", value, low), sure.compare("<=", value, high)))
            return sure.negated(found) if negated else found

        word = "NOT BETWEEN" if negated else "BETWEEN"
        return f"{operand.text} {word} {low_text} AND {high_text}", test

    def like(self, operand: Operand) -> tuple[str, Test]:
        letters = list(self.values.part(str(self.values.value(operand.like, empty=False))))[:40]
        for _ in range(self.rng.randint(0, 3)):
            letters.insert(self.rng.randint(0, len(letters)), self.rng.choice("%%_"))
        pattern = "".join(letters)
        negated = self.rng.random() < 0.3

        def test(row: Row) -> Truth:
            value = operand.value(row)
            return None if value is None else sure.like(value, pattern) != negated

        return f"{operand.text} {'NOT ' if negated else ''}LIKE {quoted(pattern)}", test

    def name(self, name: str) -> str:
        plain = _PLAIN.fullmatch(name) and name.lower() not in _WORDS
        return name if plain and self.rng.random() < 0.7 else double_quoted(name)


def _meet(left: Field, right: Field) -> bool:
    """Whether two columns may be compared."""
    if left.kind in NUMBERS and right.kind in NUMBERS:
        if "float" in {left.kind, right.kind}:
            return True
        # What has more digits than one type holds is refused while it is read.
        return _whole_digits(left, right) + max(_scale(left), _scale(right)) <= 38
    if left.kind in MOMENTS and right.kind in MOMENTS:
        # Nanoseconds have a type of their own, which doesn't meet the others.
        return _is_finest(left) == _is_finest(right) and (
            not _is_finest(left) or left.kind == right.kind
        )
    return left.kind == right.kind


def _whole_digits(*fields: Field) -> int:
    most = (max(map(abs, range_of(field.stored))) for field in fields)
    return max(len(str(int(number))) for number in most)


def _scale(field: Field) -> int:
    return int(field.stored.scale) if field.kind == "decimal" else 0


def _is_finest(field: Field) -> bool:
    return bool(pa.types.is_timestamp(field.stored)) and field.stored.unit == "ns"
