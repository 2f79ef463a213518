"""Operands: the columns, functions, aggregates and literals that an expression compares.

This module imports sqlglot, which is slow to import: it is itself imported when first needed.
"""

from sqlglot import exp

from penstock.errors import BadExpressionError, UnknownColumnError
from penstock.model.slice import AggregateName, Expression, FunctionName
from penstock.query.did_you_mean import near
from penstock.query.items import quoted
from penstock.query.syntax import AGGREGATES, FUNCTIONS
from penstock.query.typed_expressions import (
    Operand,
    Scope,
    TypedExpression,
    UntypedLiteral,
    aggregate_of,
    call_of,
)

_FUNCTIONS: dict[type[exp.Expr], FunctionName] = {
    exp.Lower: "lower",
    exp.Upper: "upper",
    exp.Length: "length",
    exp.Trim: "trim",
    exp.Abs: "abs",
    exp.Round: "round",
    exp.Coalesce: "coalesce",
    exp.TimestampTrunc: "date_trunc",
}
_AGGREGATES: dict[type[exp.Expr], AggregateName] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
}
_SAID: dict[type[exp.Expr], str] = {
    exp.Star: "“*” stands in count(*) alone",
    exp.Null: "null is tested with IS NULL or IS NOT NULL",
    exp.Add: "arithmetic isn't allowed",
    exp.Mul: "arithmetic isn't allowed",
    exp.Neg: "a sign stands before numbers alone",
    exp.Distinct: "DISTINCT stands in count(DISTINCT …) alone",
    exp.Tuple: "a list stands behind IN alone",
    exp.Like: "LIKE compares a column with text in single quotes",
    exp.Literal: "a value alone is no predicate: compare it with a column",
    exp.Boolean: "true and false are compared with a column",
}


def typed(node: exp.Expr, scope: Scope) -> TypedExpression[Expression]:
    """Read a column, a function or an aggregate. Raises as `operand`, and for a literal."""
    found = operand(node, scope)
    if isinstance(found, TypedExpression):
        return found
    raise BadExpressionError(
        scope.parameter, f"a column or a function must stand where “{found.text}” does."
    )


def operand(tree: exp.Expr, scope: Scope) -> Operand:
    """Read one side of a comparison.

    Raises BadExpressionError for what isn't allowed and UnknownColumnError for an unknown name.
    """
    node = bare(tree)
    if isinstance(node, exp.Literal):
        return UntypedLiteral(text=node.this, kind="text" if node.is_string else "number")
    if isinstance(node, exp.Boolean):
        return UntypedLiteral(text="true" if node.this else "false", kind="boolean")
    if isinstance(node, exp.Neg):
        return _negative(node, scope)
    if isinstance(node, exp.Column):
        return _named(node, scope)
    if type(node) in _FUNCTIONS:
        return _call(node, scope)
    if type(node) in _AGGREGATES and scope.aggregates:
        return _aggregate(node, scope)
    raise refused(node, scope)


def _negative(node: exp.Neg, scope: Scope) -> UntypedLiteral:
    inner = operand(node.this, scope)
    if not isinstance(inner, UntypedLiteral) or inner.kind != "number":
        raise refused(node, scope)
    text = inner.text.removeprefix("-") if inner.text.startswith("-") else f"-{inner.text}"
    return UntypedLiteral(text=text, kind="number")


def _named(node: exp.Column, scope: Scope) -> TypedExpression[Expression]:
    only(node, {"this"}, scope)
    if not isinstance(node.this, exp.Identifier):
        raise refused(node.this, scope)
    name = node.name
    if name not in scope.names:
        meant = [quoted(known) for known in near(name, scope.names)]
        raise UnknownColumnError(name, parameter=scope.parameter, did_you_mean=meant)
    return scope.names[name]


def _call(node: exp.Expr, scope: Scope) -> TypedExpression[Expression]:
    function = _FUNCTIONS[type(node)]
    match node:
        case exp.Round():
            only(node, {"this", "decimals"}, scope)
            given = [node.this, node.args.get("decimals")]
            arguments = [operand(item, scope) for item in given if item is not None]
        case exp.Coalesce():
            only(node, {"this", "expressions"}, scope)
            arguments = [operand(item, scope) for item in (node.this, *node.expressions)]
        case exp.TimestampTrunc():
            only(node, {"this", "unit"}, scope)
            unit = node.args.get("unit")
            word = unit.name if isinstance(unit, exp.Var) else ""
            arguments = [UntypedLiteral(text=word, kind="text"), operand(node.this, scope)]
        case _:
            only(node, {"this"}, scope)
            arguments = [operand(node.this, scope)]
    return call_of(function, arguments, parameter=scope.parameter)


def _aggregate(node: exp.Expr, scope: Scope) -> TypedExpression[Expression]:
    only(node, {"this", "big_int"}, scope)
    function = _AGGREGATES[type(node)]
    inside = node.args.get("this")
    distinct = isinstance(inside, exp.Distinct)
    if isinstance(inside, exp.Distinct):
        only(inside, {"expressions"}, scope)
        if len(inside.expressions) != 1:
            raise BadExpressionError(scope.parameter, f"{function} takes one column.")
        inside = inside.expressions[0]
    if inside is None or isinstance(inside, exp.Star):
        return aggregate_of(function, None, distinct=distinct, parameter=scope.parameter)
    inside = bare(inside)
    if not isinstance(inside, exp.Column):
        raise refused(inside, scope)
    name = inside.name
    if name not in scope.columns:
        meant = [quoted(known) for known in near(name, scope.columns)]
        raise UnknownColumnError(name, parameter=scope.parameter, did_you_mean=meant)
    return aggregate_of(function, scope.columns[name], distinct=distinct, parameter=scope.parameter)


def bare(node: exp.Expr) -> exp.Expr:
    """Take the parentheses off."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def only(node: exp.Expr, allowed: set[str], scope: Scope) -> None:
    """Raise BadExpressionError if a node says more than these parts of it."""
    if any(given and part not in allowed for part, given in node.args.items()):
        raise refused(node, scope)


def refused(node: exp.Expr, scope: Scope) -> BadExpressionError:
    """Make the error for a node that isn't allowed where it stands."""
    meant: list[str] = []
    function = _FUNCTIONS.get(type(node)) or _AGGREGATES.get(type(node))
    if isinstance(node, exp.Sub):
        name = _dashed(node)
        said = "subtraction isn't allowed"
        if name is not None:
            said = f"a name with “-” stands in double quotes: {quoted(name)}"
            meant = [quoted(name)] if name in scope.names else []
    elif function is not None:
        allowed = (*FUNCTIONS, *AGGREGATES) if scope.aggregates else FUNCTIONS
        said = f"{function} isn't allowed like that: of functions, use {', '.join(allowed)}"
    else:
        said = _SAID.get(type(node)) or f"{node.key.upper()} isn't allowed there"
    return BadExpressionError(scope.parameter, f"{said}.", did_you_mean=meant)


def _dashed(node: exp.Expr) -> str | None:
    """Put a name back together that was read as a subtraction."""
    parts: list[str] = []
    while isinstance(node, exp.Sub):
        right = node.expression
        if not isinstance(right, exp.Column | exp.Literal):
            return None
        parts.append(right.name)
        node = node.this
    return "-".join([node.name, *reversed(parts)]) if isinstance(node, exp.Column) else None
