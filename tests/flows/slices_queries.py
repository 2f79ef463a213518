"""Generated queries: pairs of a URL, and what they ask for as the evaluation sees it."""

from dataclasses import dataclass, replace
from decimal import localcontext
from random import Random

from tests.flows import slices_evaluation as sure
from tests.flows.slices_evaluation import Asked
from tests.flows.slices_expressions import Expressions
from tests.flows.slices_filters import Filters, Pair
from tests.flows.slices_functions import Functions, Operand
from tests.flows.slices_shapes import Shapes
from tests.flows.slices_tables import Table
from tests.flows.slices_values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The pairs of a URL and what they mean."""

    pairs: tuple[Pair, ...]
    asked: Asked


def generated(rng: Random, table: Table) -> Wanted:
    """Draw a query that every format can answer."""
    with localcontext(prec=100):
        return _drawn(rng, table)


def _drawn(rng: Random, table: Table) -> Wanted:
    pairs: list[Pair] = []
    values = Values(rng)
    expressions = Expressions(rng, values, Functions(rng, values))
    shapes = Shapes(rng, table, expressions, pairs)
    tests = Filters(rng, table, values, pairs).filters()
    if rng.random() < 0.45:
        operands = [
            Operand(
                text=expressions.name(column.name),
                like=column,
                value=lambda row, name=column.name: row[name],  # type: ignore[misc]  # the default binds the loop's variable
                is_column=True,
            )
            for column in table.fields
        ]
        text, test = expressions.expression(operands, depth=rng.choice((0, 1, 2, 3)))
        if len(text.encode()) <= 4096:
            pairs.append(("_where", text))
            tests.append(test)
    test_all = (lambda row: sure.all_of(each(row) for each in tests)) if tests else None
    asked = shapes.paged(shapes.sorted(replace(shapes.shape(), test=test_all)))
    rng.shuffle(pairs)
    if rng.random() < 0.1:
        pairs.append(("utm_campaign", "x"))
    return Wanted(pairs=tuple(pairs), asked=asked)
