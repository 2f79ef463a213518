"""Selection: `_select`, `_exclude`, `_group` and `_distinct` into the columns of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.errors import BadExpressionError, ConflictingParametersError, UnknownColumnError
from penstock.model.dataset import Column, Dataset
from penstock.model.slice import Aggregate, ColumnRef, Output, everything
from penstock.query.controls import switch
from penstock.query.did_you_mean import near
from penstock.query.items import Item, items_of, name_text
from penstock.query.typed_expressions import TypedExpression, aggregate_of, column_of

Source = ColumnRef | Aggregate


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The columns of an answer, with their types by output name, and their canonical pairs.

    `group` is in the schema's order: the order of its keys changes neither rows nor their order.
    """

    outputs: tuple[Output, ...]
    types: Mapping[str, TypedExpression[Source]]
    grouped: bool
    group: tuple[ColumnRef, ...]
    distinct: bool
    pairs: tuple[tuple[str, str], ...]


def selection_of(controls: Mapping[str, str], dataset: Dataset) -> Selection:
    """Read which columns are wanted; all of them, in the schema's order, where nothing is said.

    An aggregate without `as` is named after itself: `count` for `count(*)`, else its function and
    its column, `sum_x`, `count_distinct_x`. Aggregates without `_group` give one row, `_group`
    without `_select` the distinct values of its columns.

    Raises BadExpressionError, UnknownColumnError, and ConflictingParametersError for `_exclude`
    or `_distinct` beside what they contradict.
    """
    types: Mapping[str, TypedExpression[Source]]
    pairs: tuple[tuple[str, str], ...]
    distinct = switch(controls, "_distinct", default=False)
    group = _group(controls, dataset)
    if "_exclude" in controls:
        for other in ("_select", "_group"):
            if other in controls:
                raise ConflictingParametersError(
                    "_exclude", other, "_exclude takes all other columns of the dataset."
                )
        outputs, pairs = _excluding(controls["_exclude"], dataset)
        types = {output.name: column_of(dataset.by_name[output.name]) for output in outputs}
    elif "_select" in controls:
        named = _selected(controls["_select"], dataset)
        outputs = tuple(output for output, _ in named)
        types = {output.name: typed for output, typed in named}
        pairs = (("_select", ",".join(_output_text(output) for output in outputs)),)
    elif group:
        listed = _names(controls["_group"], dataset, parameter="_group")
        outputs = tuple(Output(column.name, ColumnRef(column.name)) for column in listed)
        types = {column.name: column_of(column) for column in listed}
        pairs = (("_select", ",".join(_output_text(output) for output in outputs)),)
    else:
        outputs, pairs = everything(tuple(dataset.by_name)).outputs, ()
        types = {column.name: column_of(column) for column in dataset.columns}
    grouped = bool(group) or any(isinstance(output.source, Aggregate) for output in outputs)
    if grouped:
        _check_group(outputs, group, distinct=distinct)
    elif outputs == everything(tuple(dataset.by_name)).outputs:
        pairs = ()
    if distinct and not grouped:
        _refuse_nested("_distinct", [types[output.name].of for output in outputs])
    if group:
        pairs += (("_group", ",".join(name_text(column.name) for column in group)),)
    if distinct:
        pairs += (("_distinct", "1"),)
    return Selection(
        outputs=outputs,
        types=types,
        grouped=grouped,
        group=tuple(ColumnRef(column.name) for column in group),
        distinct=distinct,
        pairs=pairs,
    )


def _selected(text: str, dataset: Dataset) -> list[tuple[Output, TypedExpression[Source]]]:
    named: dict[str, tuple[Output, TypedExpression[Source]]] = {}
    for item in items_of(text, parameter="_select", outputs=True):
        typed = _source(item, dataset)
        source = typed.expression
        name = _default_name(source) if item.alias is None else item.alias
        if not name and item.alias is not None:
            raise BadExpressionError("_select", "the name behind “as” is empty.")
        if name in named:
            raise BadExpressionError(
                "_select",
                f"two columns are named “{name}”: give one of them another name with “as”, "
                f"{_source_text(source)} as {name_text(name + '_2')}.",
            )
        named[name] = (Output(name, source), typed)
    return list(named.values())


def _source(item: Item, dataset: Dataset) -> TypedExpression[Source]:
    column = None if item.name is None else _column(item.name, dataset, parameter="_select")
    if item.aggregate is not None:
        return aggregate_of(item.aggregate, column, distinct=item.distinct, parameter="_select")
    if column is None:
        raise BadExpressionError("_select", "a column's name is missing.")
    return column_of(column)


def _excluding(
    text: str, dataset: Dataset
) -> tuple[tuple[Output, ...], tuple[tuple[str, str], ...]]:
    left_out = {column.name for column in _names(text, dataset, parameter="_exclude")}
    kept = tuple(name for name in dataset.by_name if name not in left_out)
    if not kept:
        raise BadExpressionError("_exclude", "no column would be left.")
    listed = ",".join(name_text(name) for name in dataset.by_name if name in left_out)
    return everything(kept).outputs, (("_exclude", listed),)


def _group(controls: Mapping[str, str], dataset: Dataset) -> list[Column]:
    if "_group" not in controls:
        return []
    wanted = _names(controls["_group"], dataset, parameter="_group")
    _refuse_nested("_group", wanted)
    return [column for column in dataset.columns if column in wanted]


def _check_group(outputs: tuple[Output, ...], group: list[Column], *, distinct: bool) -> None:
    if distinct:
        other = "_group" if group else "_select"
        raise ConflictingParametersError("_distinct", other, "groups are distinct already.")
    keys = {column.name for column in group}
    for output in outputs:
        if isinstance(output.source, ColumnRef) and output.source.name not in keys:
            name = name_text(output.source.name)
            raise BadExpressionError(
                "_select",
                f"“{output.source.name}” is neither aggregated nor in _group: add it to _group, "
                f"or take min({name}) or max({name}).",
            )


def _names(text: str, dataset: Dataset, *, parameter: str) -> list[Column]:
    """Read a list of columns, each once, in the order of the list."""
    columns = {}
    for item in items_of(text, parameter=parameter):
        column = _column(item.name or "", dataset, parameter=parameter)
        columns[column.name] = column
    return list(columns.values())


def _column(name: str, dataset: Dataset, *, parameter: str) -> Column:
    column = dataset.by_name.get(name)
    if column is None:
        meant = [name_text(known) for known in near(name, dataset.by_name)]
        raise UnknownColumnError(name, parameter=parameter, did_you_mean=meant)
    return column


def _refuse_nested(parameter: str, columns: list[Column]) -> None:
    for column in columns:
        if column.kind == "nested":
            raise BadExpressionError(
                parameter,
                f"“{column.name}” ({column.type_name}) is nested, and nested values have no "
                "order: leave it out.",
            )


def _default_name(source: ColumnRef | Aggregate) -> str:
    if isinstance(source, ColumnRef):
        return source.name
    if source.argument is None:
        return source.function
    marked = "_distinct" if source.distinct else ""
    return f"{source.function}{marked}_{source.argument.name}"


def _output_text(output: Output) -> str:
    text = _source_text(output.source)
    named = output.name == _default_name(output.source)
    return text if named else f"{text} as {name_text(output.name)}"


def _source_text(source: ColumnRef | Aggregate) -> str:
    if isinstance(source, ColumnRef):
        return name_text(source.name)
    inside = "*" if source.argument is None else name_text(source.argument.name)
    return f"{source.function}({'distinct ' if source.distinct else ''}{inside})"
