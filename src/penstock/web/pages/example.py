"""The example: URLs of one real dataset, each with an answer, for whoever sees this first."""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus

from penstock.errors import PenstockError
from penstock.model.dataset import Column, Dataset, DatasetEntry
from penstock.model.slice import ColumnRef, Output, Page, Slice
from penstock.model.tenant import Tenant
from penstock.query.keys import key_of
from penstock.reading.engine import Allowance
from penstock.reading.estimate import AT_ONCE
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes
from penstock.web.resources import Resources

_SAMPLED_ROWS = 200
_SAMPLED_COLUMNS = 12
_SAMPLE_SECONDS = 0.4
_MOST_CHARACTERS = 30
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_READABLE = "*(),:"
"""Characters that may stay as they are in a query, and are easier to read so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A slice of one dataset: its query, and further things to ask, as (what, path)."""

    dataset: str
    private: bool
    query: str
    asks: tuple[tuple[str, str], ...]


def example_of(
    resources: Resources, tenant: Tenant, entries: Sequence[DatasetEntry]
) -> Example | None:
    """Make an example of the largest public dataset, else of the largest one; None if all fail."""
    for entry in sorted(entries, key=lambda entry: (entry.private, -entry.rows))[:3]:
        try:
            dataset = resources.ports.catalog.dataset(tenant.id, entry.name)
        except PenstockError:
            continue
        return _example(dataset, _sampled(resources, dataset))
    return None


def _example(dataset: Dataset, sampled: tuple[Column, str] | None) -> Example | None:
    query = _filter(dataset, sampled)
    if query is None:
        return None
    name = dataset.name
    plain = [column for column in dataset.columns if _PLAIN_NAME.fullmatch(column.name)]
    asks = [("Only the rows that match", f"/{name}.csv?{query}")]
    if len(plain) > 1:
        some = ",".join(column.name for column in plain[:3])
        asks.append(("Only some columns", f"/{name}.csv?_select={some}"))
    by_day = [column for column in plain if column.kind in {"date", "timestamp", "timestamptz"}]
    by_size = [column for column in plain if column.kind in {"integer", "decimal", "float"}]
    if by_day or by_size:
        by = (by_day or by_size)[0].name
        what = f"The ten {'latest' if by_day else 'largest'} by {by}"
        asks.append((what, f"/{name}.json?_sort=-{by}&_limit=10"))
    if sampled is not None and _PLAIN_NAME.fullmatch(sampled[0].name):
        by = sampled[0].name
        count = f"_select={by},count(*)+as+n&_group={by}&_sort=-n&_limit=100"
        asks.append((f"Each {by}, counted", f"/{name}.json?{count}"))
    asks.append(("How many rows and bytes", f"/{name}/-/count.json?{query}"))
    return Example(dataset=name, private=dataset.private, query=query, asks=tuple(asks))


def _filter(dataset: Dataset, sampled: tuple[Column, str] | None) -> str | None:
    if sampled is not None:
        column, value = sampled
        key = key_of(column, "exact", dataset)
        if key is not None:
            return f"{_quoted(key)}={_quoted(value)}"
    keys = (key_of(column, "notnull", dataset) for column in dataset.columns)
    found = next((key for key in keys if key is not None), None)
    return None if found is None else f"{_quoted(found)}=1"


def _quoted(text: str) -> str:
    return quote_plus(text, safe=_READABLE)


def _sampled(resources: Resources, dataset: Dataset) -> tuple[Column, str] | None:
    """Find a column worth filtering by, and a value of its first rows.

    Best is the column with the fewest different values, if there are two at least. None if there
    is none, or reading would keep others waiting.
    """
    fitting = [
        column
        for column in dataset.columns
        if column.kind in {"text", "integer", "date", "boolean"} and column.name.isprintable()
    ][:_SAMPLED_COLUMNS]
    if not fitting or not dataset.rows or resources.reader.slots.are_wanted:
        return None
    best: tuple[int, Column, str] | None = None
    try:
        rows = _first_rows(resources, dataset, fitting)
    except PenstockError:
        return None
    for column, values in zip(fitting, rows, strict=True):
        shown = [text for text in map(_text, values) if text]
        different = len(set(shown))
        rank = different if different > 1 else _SAMPLED_ROWS + 1
        if shown and (best is None or rank < best[0]):
            best = (rank, column, max(shown, key=shown.count))
    return None if best is None else best[1:]


def _first_rows(
    resources: Resources, dataset: Dataset, columns: Sequence[Column]
) -> list[list[object]]:
    """Read the first rows, by column. Raises what `scan` raises, also when it takes long."""
    wanted = Slice(
        outputs=tuple(Output(column.name, ColumnRef(column.name)) for column in columns),
        page=Page(limit=_SAMPLED_ROWS),
    )
    allowance = Allowance(seconds=_SAMPLE_SECONDS)
    # The allowance counts running time alone; this ends the waiting for a slot, too.
    patience = threading.Timer(_SAMPLE_SECONDS, allowance.cancel)
    patience.start()
    try:
        batches = list(
            scan(
                resources.reader,
                dataset,
                wanted,
                text=TextTypes(nested=True, binary=True, interval=True),
                allowance=allowance,
                pace=AT_ONCE,
            )
        )
    finally:
        patience.cancel()
    return [
        [value for batch in batches for value in batch.rows.column(index).to_pylist()]
        for index in range(len(columns))
    ]


def _text(value: object) -> str:
    """Write a value as it stands in a filter; empty for one that would make no good example."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return text if len(text) <= _MOST_CHARACTERS and text.isprintable() and text.strip() else ""
