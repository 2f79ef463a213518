"""Expression scopes: which names `_where` and `_having` may use, and their canonical text."""

from collections.abc import Mapping

from penstock.errors import QueryError
from penstock.model.dataset import Dataset
from penstock.model.slice import Expression, Predicate
from penstock.query.order import output_name
from penstock.query.render import Naming, rendered, tightened
from penstock.query.select import Selection
from penstock.query.typed_expressions import Scope, TypedExpression, column_of, named


def where_of(text: str, dataset: Dataset) -> tuple[Predicate, str]:
    """Read `_where`, whose names are the dataset's columns; also gives its canonical text.

    Raises BadExpressionError, UnknownColumnError and BadValueError.
    """
    scope = Scope(parameter="_where", names=named(dataset.by_name), columns=dataset.by_name)
    return _read(text, scope, lambda _: None)


def having_of(text: str, selection: Selection, dataset: Dataset) -> tuple[Predicate, str]:
    """Read `_having`, whose names are the outputs, and the columns of `_group` behind them.

    Aggregates in it take columns of the dataset. Gives and raises what `where_of` does.
    """
    names: Mapping[str, TypedExpression[Expression]] = {
        **{column.name: column_of(dataset.by_name[column.name]) for column in selection.group},
        **selection.types,
    }
    scope = Scope(parameter="_having", names=names, columns=dataset.by_name, aggregates=True)
    return _read(text, scope, lambda source: output_name(selection, source))


def _read(text: str, scope: Scope, naming: Naming) -> tuple[Predicate, str]:
    # The parser behind it takes a sixth of a second to import, and most URLs need none.
    from penstock.query.where import predicate_of  # noqa: PLC0415 - slow, see above

    predicate = predicate_of(text, scope)
    canonical = rendered(predicate, naming)
    try:
        if predicate_of(canonical, scope) == predicate:
            return predicate, canonical
    except QueryError:
        # The one text may be longer, or nested more deeply, than what was written.
        pass
    return predicate, tightened(text)
