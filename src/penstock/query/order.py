"""Order: `_sort` into sort keys."""

from collections.abc import Mapping

from penstock.errors import BadExpressionError, UnknownColumnError
from penstock.model.dataset import Dataset
from penstock.model.slice import ColumnRef, SortKey
from penstock.query.did_you_mean import near
from penstock.query.items import items_of, name_text
from penstock.query.select import Selection, Source
from penstock.query.typed_expressions import TypedExpression, column_of


def sort_of(
    controls: Mapping[str, str], selection: Selection, dataset: Dataset
) -> tuple[tuple[SortKey, ...], tuple[tuple[str, str], ...]]:
    """Read the sort keys, and their canonical pairs.

    A name is an output's, else a column's; of groups and distinct rows only outputs can be sorted
    by. A key is what the output holds: a renamed column is sorted as the column of the schema.

    Raises UnknownColumnError, and BadExpressionError for a nested column and for one named twice.
    """
    if "_sort" not in controls:
        return (), ()
    keys: dict[Source, SortKey] = {}
    texts = []
    for item in items_of(controls["_sort"], parameter="_sort", signs=True):
        typed = _key(item.name or "", selection, dataset)
        by = typed.expression
        if typed.of.kind == "nested":
            raise BadExpressionError(
                "_sort", f"“{item.name}” ({typed.of.type_name}) is nested and has no order."
            )
        if by in keys:
            raise BadExpressionError("_sort", f"“{item.name}” stands twice in it.")
        keys[by] = SortKey(by, item.descending)
        shown = output_name(selection, by) or item.name or ""
        texts.append(f"{'-' if item.descending else ''}{name_text(shown)}")
    return tuple(keys.values()), (("_sort", ",".join(texts)),)


def output_name(selection: Selection, source: Source) -> str | None:
    """Name the first output that holds this; None where none does."""
    return next((item.name for item in selection.outputs if item.source == source), None)


def _key(name: str, selection: Selection, dataset: Dataset) -> TypedExpression[Source]:
    if name in selection.types:
        return selection.types[name]
    names = list(selection.types)
    if not (selection.grouped or selection.distinct):
        if name in dataset.by_name:
            return column_of(dataset.by_name[name])
        names += dataset.by_name
    else:
        for output, typed in selection.types.items():
            if typed.expression == ColumnRef(name):
                return selection.types[output]
        if name in dataset.by_name:
            raise BadExpressionError(
                "_sort",
                f"“{name}” is no column of the answer, and groups and distinct rows are sorted "
                f"by those alone: {', '.join(name_text(known) for known in names)}.",
            )
    meant = [name_text(known) for known in near(name, names)]
    raise UnknownColumnError(name, parameter="_sort", did_you_mean=meant)
