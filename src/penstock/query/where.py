"""Where: `_where` and `_having` become predicates, by an allow-list of SQL.

This module imports sqlglot, which is slow to import: it is itself imported when first needed.
"""

from dataclasses import replace

from sqlglot import exp

from penstock.errors import BadExpressionError
from penstock.model.dataset import Column
from penstock.model.slice import (
    And,
    Compare,
    CompareOperator,
    InList,
    IsNull,
    Like,
    Not,
    Or,
    Predicate,
    Truth,
)
from penstock.query.coerce import compared, equal_to
from penstock.query.logic import joined
from penstock.query.operands import bare, only, operand, refused, typed
from penstock.query.operators import column_operators
from penstock.query.syntax import tree_of
from penstock.query.typed_expressions import (
    Operand,
    Scope,
    TypedExpression,
    UntypedLiteral,
    check_written,
    common_type,
)

_COMPARE: dict[type[exp.Expr], CompareOperator] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
    exp.NullSafeEQ: "IS DISTINCT FROM",
}
_FLIPPED: dict[CompareOperator, CompareOperator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def predicate_of(text: str, scope: Scope) -> Predicate:
    """Read an expression: one predicate over `scope`, its values coerced and ready to be bound.

    Chains of AND and OR come out flat, however long they are; BETWEEN becomes two comparisons.

    Raises BadExpressionError, which names what isn't allowed, UnknownColumnError and BadValueError.
    """
    tree = tree_of(text, parameter=scope.parameter, aggregates=scope.aggregates)
    return _predicate(tree, scope)


def _predicate(tree: exp.Expr, scope: Scope) -> Predicate:
    node = bare(tree)
    if isinstance(node, exp.And):
        return joined(And, [_predicate(item, scope) for item in _chain(node, exp.And)])
    if isinstance(node, exp.Or):
        return joined(Or, [_predicate(item, scope) for item in _chain(node, exp.Or)])
    if isinstance(node, exp.Not):
        return _negated(_predicate(node.this, scope))
    if type(node) in _COMPARE:
        return _comparison(node, scope)
    if isinstance(node, exp.Is):
        return _null_test(node, scope)
    if isinstance(node, exp.In):
        return _in_list(node, scope)
    if isinstance(node, exp.Between):
        return _between(node, scope)
    if isinstance(node, exp.Like):
        return _like(node, scope)
    if isinstance(node, exp.Column | exp.Coalesce | exp.Min | exp.Max):
        found = typed(node, scope)
        if found.of.kind == "boolean":
            return Truth(found.expression)
        raise BadExpressionError(
            scope.parameter, f"“{found.of.name}” alone is no predicate: compare it with a value."
        )
    raise refused(node, scope)


def _comparison(node: exp.Expr, scope: Scope) -> Predicate:
    only(node, {"this", "expression"}, scope)
    operator = _COMPARE[type(node)]
    left, right = operand(node.this, scope), operand(node.expression, scope)
    test = _compared(left, operator, right, scope)
    return Not(test) if isinstance(node, exp.NullSafeEQ) else test


def _compared(left: Operand, operator: CompareOperator, right: Operand, scope: Scope) -> Predicate:
    if isinstance(left, UntypedLiteral):
        if isinstance(right, UntypedLiteral):
            raise BadExpressionError(
                scope.parameter,
                f"“{left.text}” and “{right.text}” are two values: a comparison needs a column.",
            )
        return _compared(right, _FLIPPED.get(operator, operator), left, scope)
    if isinstance(right, UntypedLiteral):
        check_written(right, left.of, parameter=scope.parameter)
        _check_order(left.of, operator, scope)
        return compared(
            left.expression, operator, right.text, of=left.of, parameter=scope.parameter
        )
    if common_type([left.of, right.of]) is None:
        raise BadExpressionError(
            scope.parameter,
            f"“{left.of.name}” ({left.of.type_name}) can't be compared with “{right.of.name}” "
            f"({right.of.type_name}).",
        )
    _check_order(left.of, operator, scope)
    return Compare(left.expression, operator, right.expression)


def _check_order(of: Column, operator: CompareOperator, scope: Scope) -> None:
    if operator in _FLIPPED and "gt" not in column_operators(of):
        raise BadExpressionError(
            scope.parameter, f"“{of.name}” ({of.type_name}) has no order: use = or <>."
        )


def _null_test(node: exp.Is, scope: Scope) -> Predicate:
    only(node, {"this", "expression"}, scope)
    if not isinstance(node.expression, exp.Null):
        raise BadExpressionError(
            scope.parameter, "IS stands before NULL, NOT NULL and DISTINCT FROM alone: use =."
        )
    return IsNull(typed(node.this, scope).expression)


def _in_list(node: exp.In, scope: Scope) -> Predicate:
    only(node, {"this", "expressions"}, scope)
    left = typed(node.this, scope)
    items = []
    for item in node.expressions:
        written = operand(item, scope)
        if not isinstance(written, UntypedLiteral):
            raise BadExpressionError(scope.parameter, "the list behind IN holds values alone.")
        check_written(written, left.of, parameter=scope.parameter)
        whole_days = not isinstance(bare(node.this), exp.Column)
        items.append(
            equal_to(written.text, left.of, parameter=scope.parameter, whole_days=whole_days)
        )
    if not items:
        raise BadExpressionError(scope.parameter, "the list behind IN is empty.")
    return InList(left.expression, tuple(items))


def _between(node: exp.Between, scope: Scope) -> Predicate:
    only(node, {"this", "low", "high"}, scope)
    left = typed(node.this, scope)
    low, high = (operand(node.args[end], scope) for end in ("low", "high"))
    return joined(And, [_compared(left, ">=", low, scope), _compared(left, "<=", high, scope)])


def _like(node: exp.Like, scope: Scope) -> Predicate:
    only(node, {"this", "expression", "negate"}, scope)
    left, pattern = operand(node.this, scope), operand(node.expression, scope)
    if (
        not isinstance(left, TypedExpression)
        or not isinstance(pattern, UntypedLiteral)
        or pattern.kind != "text"
    ):
        raise refused(node, scope)
    if left.of.kind != "text":
        raise BadExpressionError(
            scope.parameter, f"LIKE is for text, and “{left.of.name}” is {left.of.type_name}."
        )
    return Like(left.expression, pattern.text, negated=bool(node.args.get("negate")))


def _negated(item: Predicate) -> Predicate:
    if isinstance(item, InList | Like | IsNull):
        return replace(item, negated=not item.negated)
    return Not(item)


def _chain(node: exp.Expr, kind: type[exp.Connector]) -> list[exp.Expr]:
    """List the operands of a chain, which leans to the left as deeply as it is long."""
    operands: list[exp.Expr] = []
    while isinstance(node, kind):
        operands.append(node.expression)
        node = node.this
    return [node, *reversed(operands)]
