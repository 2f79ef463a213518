"""Typed expressions: what the allowed functions and aggregates take, and the type they give."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

from penstock.errors import BadExpressionError
from penstock.model.dataset import Column, ColumnKind
from penstock.model.slice import (
    Aggregate,
    AggregateName,
    Call,
    ColumnRef,
    Constant,
    Expression,
    FunctionName,
)
from penstock.query.coerce import NUMERIC, equal_to
from penstock.query.did_you_mean import near
from penstock.query.numbers import WIDEST_DECIMAL, precision_of, scale_of
from penstock.query.operators import column_operators

UNITS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
"""Units of date_trunc."""

_MOMENTS = frozenset({"date", "timestamp", "timestamptz"})
_ORDERED = frozenset(get_args(ColumnKind)) - {"nested"}
_ROUNDED_PLACES = 38


E_co = TypeVar("E_co", bound=Expression, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedExpression(Generic[E_co]):
    """An expression and its type; `of` has the name of what it describes, for error texts."""

    expression: E_co
    of: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class UntypedLiteral:
    """A literal as it was written, without a type before it meets a typed expression."""

    text: str
    kind: Literal["text", "number", "boolean"]


Operand = TypedExpression[Expression] | UntypedLiteral


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the names of an expression mean; only with `aggregates` may it aggregate `columns`."""

    parameter: str
    names: Mapping[str, TypedExpression[Expression]]
    columns: Mapping[str, Column]
    aggregates: bool = False


def column_of(column: Column) -> TypedExpression[ColumnRef]:
    """Refer to a column of the schema."""
    return TypedExpression(expression=ColumnRef(column.name), of=column)


def call_of(
    function: FunctionName, arguments: Sequence[Operand], *, parameter: str
) -> TypedExpression[Expression]:
    """Call a function of the allow-list (date_trunc: its unit comes first, as text).

    Raises BadExpressionError for arguments that it doesn't take.
    """
    subject = arguments[-1] if function == "date_trunc" else arguments[0]
    if not isinstance(subject, TypedExpression):
        raise BadExpressionError(
            parameter,
            f"{function} takes a column or a function of one, “{subject.text}” is neither.",
        )
    of = subject.of
    name = f"{function}({of.name})"
    match function:
        case "lower" | "upper" | "trim":
            _require(of, {"text"}, function, "text", parameter)
            of = Column(name=name, kind="text", type_name="VARCHAR")
        case "length":
            _require(of, {"text"}, function, "text", parameter)
            of = Column(name=name, kind="integer", type_name="BIGINT")
        case "abs":
            _require(of, NUMERIC, function, "a number", parameter)
            of = Column(name=name, kind=of.kind, type_name=_widened(of))
        case "round":
            return _rounded(subject, arguments[1:], parameter)
        case "coalesce":
            return _coalesced(arguments, parameter)
        case "date_trunc":
            return _truncated(arguments[0], subject, parameter)
    return TypedExpression(expression=Call(function, (subject.expression,)), of=of)


def aggregate_of(
    function: AggregateName, column: Column | None, *, distinct: bool = False, parameter: str
) -> TypedExpression[Aggregate]:
    """Aggregate a column, or count rows where there is none; `sum` of integers never overflows.

    Raises BadExpressionError where the function doesn't fit the column's type.
    """
    if column is None:
        if function != "count" or distinct:
            raise BadExpressionError(parameter, f"{function} takes one column.")
        of = Column(name="count(*)", kind="integer", type_name="BIGINT")
        return TypedExpression(expression=Aggregate("count"), of=of)
    if distinct and function != "count":
        raise BadExpressionError(parameter, f"DISTINCT is for count alone, not for {function}.")
    name = f"{function}({'DISTINCT ' if distinct else ''}{column.name})"
    match function:
        case "count":
            of = Column(name=name, kind="integer", type_name="BIGINT")
        case "sum" | "avg":
            _require(column, NUMERIC, function, "a number", parameter)
            of = _summed(name, column) if function == "sum" else _double(name)
        case _:
            _require(column, _ORDERED, function, "a value with an order", parameter)
            of = Column(name=name, kind=column.kind, type_name=column.type_name)
    return TypedExpression(expression=Aggregate(function, ColumnRef(column.name), distinct), of=of)


def common_type(columns: Sequence[Column]) -> Column | None:
    """Give the type in which these are compared; None if they can't be."""
    first = columns[0]
    kinds = {column.kind for column in columns}
    if any("exact" not in column_operators(column) for column in columns):
        return None
    if len({column.type_name for column in columns}) == 1:
        return first
    if kinds <= NUMERIC:
        if "float" in kinds:
            return _double(first.name)
        if "decimal" in kinds:
            scale = max(scale_of(column) for column in columns)
            type_name = f"DECIMAL({WIDEST_DECIMAL},{scale})"
            return Column(name=first.name, kind="decimal", type_name=type_name)
        return Column(name=first.name, kind="integer", type_name="HUGEINT")
    if kinds <= _MOMENTS:
        if any(column.type_name == "TIMESTAMP_NS" for column in columns):
            # The engine has no type that holds both its nanoseconds and the others' years.
            return None
        if "timestamptz" in kinds:
            type_name = "TIMESTAMP WITH TIME ZONE"
            return Column(name=first.name, kind="timestamptz", type_name=type_name)
        return Column(name=first.name, kind="timestamp", type_name="TIMESTAMP")
    if kinds == {"text"}:
        return Column(name=first.name, kind="text", type_name="VARCHAR")
    return None


def _rounded(
    subject: TypedExpression[Expression], rest: Sequence[Operand], parameter: str
) -> TypedExpression[Expression]:
    of = subject.of
    _require(of, NUMERIC, "round", "a number", parameter)
    places = 0
    arguments: tuple[Expression, ...] = (subject.expression,)
    if rest:
        (given,) = rest
        text = given.text if isinstance(given, UntypedLiteral) and given.kind == "number" else ""
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and int(digits[:3]) <= _ROUNDED_PLACES):
            raise BadExpressionError(
                parameter, f"round's second argument is a whole number up to {_ROUNDED_PLACES}."
            )
        places = int(text)
        arguments = (subject.expression, Constant(places, "INTEGER"))
    type_name = _widened(of)
    if of.kind == "decimal":
        scale = max(min(scale_of(of), places), 0)
        # Without places to give up, 99 becomes 100 where its tens are rounded.
        whole = precision_of(of) + int(places < 0 and scale == scale_of(of))
        type_name = f"DECIMAL({min(whole, WIDEST_DECIMAL)},{scale})"
    rounded = Column(name=f"round({of.name})", kind=of.kind, type_name=type_name)
    return TypedExpression(expression=Call("round", arguments), of=rounded)


def _coalesced(arguments: Sequence[Operand], parameter: str) -> TypedExpression[Expression]:
    columns = [argument.of for argument in arguments if isinstance(argument, TypedExpression)]
    meeting = common_type(columns)
    if meeting is not None and meeting.kind == "integer" and len(columns) < len(arguments):
        # A value may be greater than the column's type holds.
        meeting = Column(name=meeting.name, kind="integer", type_name=_widened(meeting))
    if meeting is None:
        named = " and ".join(f"“{column.name}” ({column.type_name})" for column in columns)
        raise BadExpressionError(parameter, f"coalesce doesn't take {named}.")
    expressions: list[Expression] = []
    types = list(columns)
    for argument in arguments:
        if isinstance(argument, TypedExpression):
            expressions.append(argument.expression)
        else:
            constant = constant_of(argument, meeting, parameter=parameter)
            type_name = constant.type_name or meeting.type_name
            types.append(Column(name=meeting.name, kind=meeting.kind, type_name=type_name))
            expressions.append(constant)
    result = common_type(types) or meeting
    of = Column(name=f"coalesce({columns[0].name})", kind=result.kind, type_name=result.type_name)
    return TypedExpression(expression=Call("coalesce", tuple(expressions)), of=of)


def _truncated(
    unit: Operand, subject: TypedExpression[Expression], parameter: str
) -> TypedExpression[Expression]:
    of = subject.of
    _require(of, _MOMENTS, "date_trunc", "a date or a timestamp", parameter)
    word = unit.text.lower() if isinstance(unit, UntypedLiteral) else ""
    if word not in UNITS:
        raise BadExpressionError(
            parameter,
            f"date_trunc's unit is one of {', '.join(UNITS)}.",
            did_you_mean=near(word, UNITS, most=1),
        )
    name = f"date_trunc({of.name})"
    if of.kind == "timestamptz":
        truncated = Column(name=name, kind=of.kind, type_name=of.type_name)
    else:
        truncated = Column(name=name, kind="timestamp", type_name="TIMESTAMP")
    call = Call("date_trunc", (Constant(word, "VARCHAR"), subject.expression))
    return TypedExpression(expression=call, of=truncated)


def constant_of(written: UntypedLiteral, of: Column, *, parameter: str) -> Constant:
    """Coerce a literal of an expression by the type that it meets; bare dates mean 00:00 UTC.

    Raises BadExpressionError for a number or a truth value where text stands, and BadValueError.
    """
    check_written(written, of, parameter=parameter)
    return equal_to(written.text, of, parameter=parameter, whole_days=True)


def check_written(written: UntypedLiteral, of: Column, *, parameter: str) -> None:
    """Raise BadExpressionError if this kind of literal can't meet `of` at all."""
    if of.kind == "text" and written.kind != "text":
        raise BadExpressionError(
            parameter,
            f"“{of.name}” is text, so its values stand in single quotes: '{written.text}'.",
        )
    if "exact" not in column_operators(of):
        raise BadExpressionError(
            parameter, f"“{of.name}” ({of.type_name}) can only be tested with IS NULL."
        )


def named(columns: Mapping[str, Column]) -> dict[str, TypedExpression[ColumnRef]]:
    """Refer to every column by its name."""
    return {name: column_of(column) for name, column in columns.items()}


def _summed(name: str, column: Column) -> Column:
    if column.kind == "integer" and column.type_name != "UHUGEINT":
        return Column(name=name, kind="integer", type_name="HUGEINT")
    if column.kind == "decimal":
        type_name = f"DECIMAL({WIDEST_DECIMAL},{scale_of(column)})"
        return Column(name=name, kind="decimal", type_name=type_name)
    return _double(name)


def _widened(of: Column) -> str:
    """Name the type of what functions make of a number: of integers, wide enough for all."""
    is_narrower = of.kind == "integer" and of.type_name != "UHUGEINT"
    return "HUGEINT" if is_narrower else of.type_name


def _double(name: str) -> Column:
    return Column(name=name, kind="float", type_name="DOUBLE")


def _require(
    of: Column, kinds: AbstractSet[str], function: str, wanted: str, parameter: str
) -> None:
    if of.kind not in kinds:
        raise BadExpressionError(
            parameter, f"{function} takes {wanted}, and “{of.name}” is {of.type_name}."
        )
