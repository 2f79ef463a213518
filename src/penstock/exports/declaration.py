"""Declarations: what a type of export gives, where from, and who may ask for it."""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from penstock.errors import SetupError
from penstock.exports.parameters import Parameters
from penstock.model.job import SIZES, SizeClass
from penstock.model.key import Role

WHERE = "{where}"
"""The place of the conditions in a SELECT."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST_NAME = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSource:
    """A SELECT over the tenant's own PostgreSQL.

    `sql` holds `{where}` where the conditions belong, together with the word WHERE. `where` has one
    condition for each parameter, with `%s` for its value; those of parameters that weren't given
    are left out. A parameter that is a list takes `IN %s`. A plain per cent sign is `%%` in both.
    """

    sql: str
    where: Mapping[str, str] = field(default_factory=dict)
    is_counted: bool = True
    """Whether its rows are counted first, for a total: what groups rows is read twice by that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSource:
    """Every table of the tenant's own PostgreSQL schema, as of one moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceSource:
    """A slice of one of the tenant's datasets; its columns and their order are the slice's."""


Source: TypeAlias = DatabaseSource | BackupSource | SliceSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportType:
    """One type of export: all that submitting, working and describing need to know of it."""

    name: str
    """Lower-case words with `-` between them; also what a downloaded file is called."""
    title: str
    """What it gives, in a few words, for lists of types."""
    source: Source
    parameters: type[Parameters] = Parameters
    columns: tuple[str, ...] = ()
    """The columns of the result, in this order; () where the source decides."""
    sort: tuple[str, ...] = ()
    """Rows are ordered by these columns, ascending, nulls last; together no two rows share them."""
    size: SizeClass = "small"
    """Large ones are read side by side: by ranges of the first column of `sort`, or by tables."""
    role: Role | None = "reader"
    """The least role that may ask for it; None leaves it to who may read what it reads."""


def refuse_unsound(declared: ExportType, *, others: Container[str]) -> None:
    """Return if a declaration holds together and its name is none of `others`.

    Raises SetupError, which says what is wrong.
    """
    if fault := _fault(declared, others):
        raise SetupError(f"The export type “{declared.name}” is declared wrongly: {fault}.")


def _fault(declared: ExportType, others: Container[str]) -> str | None:
    if not _NAME.fullmatch(declared.name) or len(declared.name) > _LONGEST_NAME:
        return f"a name is at most {_LONGEST_NAME} of a-z and 0-9, in words with - between them"
    if declared.name in others:
        return "there is another one of this name"
    if declared.size not in SIZES:
        return f"its size is one of {', '.join(SIZES)}"
    if "formats" in declared.parameters.model_fields:
        return "no parameter may be called formats: every export has that one"
    if isinstance(declared.source, DatabaseSource):
        return _database_fault(declared, declared.source)
    return None


def _database_fault(declared: ExportType, source: DatabaseSource) -> str | None:
    if not declared.columns or not declared.sort:
        return "it needs columns and an order"
    if missing := set(declared.sort) - set(declared.columns):
        return f"it is sorted by {', '.join(sorted(missing))}, which it doesn't have"
    if set(source.where) != set(declared.parameters.model_fields):
        return "each parameter needs one condition, and each condition a parameter"
    if source.sql.count(WHERE) != 1:
        return f"its SELECT needs {WHERE} once"
    return None
