"""Table files: a table of a tenant's database, or a range of one, as a Parquet file of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.errors import PermanentError
from penstock.exports.job_folder import JobFolder
from penstock.exports.parts import OnProgress, write_whole
from penstock.exports.postgres import Snapshot, TableQuery
from penstock.exports.ranges import described_values, table_stream, values_of
from penstock.model.artifact import Artifact
from penstock.ports import RangeRead


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """What one file is to hold: all that its reader, in any process, needs to know of it."""

    name: str
    """What it is called between its attempt's token and its extension."""
    source: str
    """SQL that may stand behind FROM, with `%s` for each of `parameters`."""
    columns: tuple[str, ...]
    """At least one."""
    sort: tuple[str, ...]
    parameters: tuple[object, ...] = ()
    as_text: tuple[str, ...] = ()
    """Columns that no export holds as they are, as far as their types tell."""

    def query(self, as_text: Sequence[str]) -> TableQuery:
        """Give the SELECT of its rows, with some columns as PostgreSQL's text of them."""
        columns = ", ".join(
            f"{_quoted(name)}::text AS {_quoted(name)}" if name in as_text else _quoted(name)
            for name in self.columns
        )
        return TableQuery(
            sql=f"SELECT {columns} FROM {self.source}", parameters=self.parameters, sort=self.sort
        )

    def described(self) -> dict[str, Any]:
        """Say it in what JSON holds; `table_file_of` reads that back."""
        return {
            "name": self.name,
            "source": self.source,
            "columns": self.columns,
            "sort": self.sort,
            "parameters": described_values(self.parameters),
            "as_text": self.as_text,
        }


def table_file_of(described: Mapping[str, Any]) -> TableFile:
    """Read it from what `described` made of it."""
    return TableFile(
        name=described["name"],
        source=described["source"],
        columns=tuple(described["columns"]),
        sort=tuple(described["sort"]),
        parameters=values_of(described["parameters"]),
        as_text=tuple(described["as_text"]),
    )


def store_table_files(
    snapshot: Snapshot,
    place: JobFolder,
    files: Sequence[TableFile],
    *,
    cancelled: Callable[[], bool],
    told: OnProgress,
) -> RangeRead:
    """Store files one after another; `told` hears of the rows and bytes of all together.

    A column that an export can't hold as it is, for its type or for one of its values, is stored as
    PostgreSQL's text of it. Holds what `write_whole` holds.

    Raises what `Snapshot.read` and `write_whole` raise.
    """
    stored: list[Artifact] = []
    as_text: list[tuple[str, ...]] = []
    for wanted in files:
        rows, size = sum(one.rows for one in stored), sum(one.bytes for one in stored)

        def told_of_all(more: int, written: int, *, rows: int = rows, size: int = size) -> None:
            told(rows + more, size + written)

        file, texts = _store(snapshot, place, wanted, cancelled=cancelled, told=told_of_all)
        stored.append(file)
        as_text.append(texts)
    return RangeRead(files=tuple(stored), as_text=tuple(as_text))


def _store(
    snapshot: Snapshot,
    place: JobFolder,
    wanted: TableFile,
    *,
    cancelled: Callable[[], bool],
    told: OnProgress,
) -> tuple[Artifact, tuple[str, ...]]:
    name = place.file("parquet", name=wanted.name)
    as_text = wanted.as_text
    while True:
        stream = table_stream(snapshot, wanted.query(as_text), cancelled=cancelled)
        try:
            return write_whole(place, name, stream, told=told), as_text
        except PermanentError as error:
            as_text = (*as_text, _unheld(error, wanted.columns, as_text))


def columns_as_text(snapshot: Snapshot, wanted: TableFile) -> tuple[str, ...]:
    """Tell which columns no export holds as they are, by their types; no row is read.

    Raises what `Snapshot.schema` raises.
    """
    as_text = wanted.as_text
    while True:
        try:
            snapshot.schema(wanted.query(as_text))
        except PermanentError as error:
            as_text = (*as_text, _unheld(error, wanted.columns, as_text))
        else:
            return as_text


def _unheld(error: PermanentError, columns: Sequence[str], as_text: Sequence[str]) -> str:
    """Give the column that an error is about; raises the error where text wouldn't help."""
    column = error.facts.get("column")
    if not isinstance(column, str) or column in as_text or column not in columns:
        raise error
    return column


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
