"""Parsing: the pairs of a URL, read against a dataset, into one query."""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.errors import BadExpressionError
from penstock.model.dataset import Dataset
from penstock.model.query import Query
from penstock.model.slice import And, Predicate, Slice
from penstock.query.controls import refuse_foreign_controls
from penstock.query.cursor import CursorCodec
from penstock.query.delivery import claim_of, delivery_of, version_of
from penstock.query.dialect import style_of
from penstock.query.expression_scopes import having_of, where_of
from penstock.query.filters import conditions
from penstock.query.keys import sort_out
from penstock.query.logic import joined
from penstock.query.order import sort_of
from penstock.query.paging import page_of
from penstock.query.pairs import query_string_of
from penstock.query.select import selection_of


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """What one URL may ask for; `default_limit` is the `_limit` of a URL that has none."""

    filters: int = 50
    default_limit: int | None = None


def parse(
    pairs: Sequence[tuple[str, str]],
    dataset: Dataset,
    *,
    limits: QueryLimits,
    cursor: CursorCodec,
    format_name: str,
) -> Query:
    """Read the decoded pairs of a URL against the dataset that it names.

    Every value is coerced by its column's type, every name is the schema's. The result doesn't
    depend on the order of different keys. Parsing the pairs of `canonical` again gives an equal
    slice and style, and the same `canonical`; the whole dataset's is empty. In `sort` and
    `having`, outputs stand as what they hold, so every name there is the schema's too.

    Raises QueryError, in all its kinds, and CursorGoneError.
    """
    asked = sort_out(pairs, dataset, most_filters=limits.filters)
    controls = asked.controls
    refuse_foreign_controls(controls, format_name)
    style, style_pairs = style_of(controls)

    filters = conditions(asked.filters, dataset)
    predicates: list[Predicate] = [condition.predicate for condition in filters]
    spelled = [pair for condition in filters for pair in condition.pairs]
    if "_where" in controls:
        predicate, text = where_of(controls["_where"], dataset)
        predicates.append(predicate)
        spelled.append(("_where", text))
    selection = selection_of(controls, dataset)
    spelled += selection.pairs
    having = None
    if "_having" in controls:
        if not selection.grouped:
            raise BadExpressionError(
                "_having", "it filters groups, and there is no _group: rows are filtered by _where."
            )
        having, text = having_of(controls["_having"], selection, dataset)
        spelled.append(("_having", text))
    sort, sort_pairs = sort_of(controls, selection, dataset)
    spelled += [*sort_pairs, *style_pairs]

    without_page = query_string_of(spelled)
    page, page_pairs = page_of(
        controls,
        default_limit=limits.default_limit,
        cursor=cursor,
        canonical_without_page=without_page,
    )
    return Query(
        slice=Slice(
            outputs=selection.outputs,
            predicate=joined(And, predicates) if predicates else None,
            grouped=selection.grouped,
            group=selection.group,
            having=having,
            distinct=selection.distinct,
            sort=sort,
            page=page,
        ),
        style=style,
        delivery=delivery_of(controls, format_name),
        version=version_of(pairs),
        claim=claim_of(pairs),
        canonical=query_string_of([*spelled, *page_pairs]),
        canonical_without_page=without_page,
    )
