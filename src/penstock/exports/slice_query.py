"""Slice queries: a slice's parameters, read against its dataset by the grammar of downloads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from penstock.exports.parameters import Parameters
from penstock.model.dataset import Dataset
from penstock.model.format import Style
from penstock.model.query import Query
from penstock.model.signature import SigningKey
from penstock.model.slice import Slice
from penstock.query import CONTROLS, CursorCodec, QueryLimits, pairs_of, parse
from penstock.query.delivery import MOST_FILE_NAME_CHARACTERS
from penstock.query.pairs import query_string_of

STORED = "parquet"
"""The format of a result's parts: a query is read for it where no other one is asked for."""


class SliceParameters(Parameters):
    """Which slice, of which dataset, in which version."""

    dataset: Annotated[
        str, Field(pattern=r"^(?:exports/[0-9A-Z]{26}|[A-Za-z0-9][A-Za-z0-9_-]{0,99})$")
    ]
    """The dataset's name, or `exports/` and the id of the job that made it."""
    query: Annotated[str, Field(max_length=8192)] = ""
    """A download's query string: filters and controls."""
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,200}$")] | None = None
    """Where it is left out, the one that is current when the export is asked for."""
    file_name: (
        Annotated[
            str,
            Field(
                pattern=r"^[A-Za-z0-9_ .-]*[A-Za-z0-9][A-Za-z0-9_ .-]*$",
                max_length=MOST_FILE_NAME_CHARACTERS,
            ),
        ]
        | None
    ) = None
    """What files of the result are called, without an extension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceQuery:
    """A slice, how each further format of it is written, and the one spelling of its query."""

    wanted: Slice
    styles: Mapping[str, Style]
    """By extension."""
    canonical: str
    file_name: str | None = None


def read_query(
    text: str,
    dataset: Dataset,
    extensions: Sequence[str],
    *,
    signing_keys: Callable[[], Sequence[SigningKey]],
    filters: int,
) -> SliceQuery:
    """Read a query string against the dataset that it is asked of.

    The CSV dialect counts for CSV, and so on: what none of the formats takes is refused. There is
    no default limit; how a browser takes an answer, and signatures, count for nothing. Reading the
    canonical query again gives the same.

    Raises QueryError in all its kinds, and CursorGoneError.
    """
    pairs = pairs_of(text.removeprefix("?").encode())
    is_paged = any(key == "_cursor" for key, _ in pairs)
    cursors = CursorCodec(
        signing_keys() if is_paged else (), dataset.tenant, dataset.name, dataset.version
    )

    def read(extension: str) -> Query:
        return parse(
            [pair for pair in pairs if _is_for(pair[0], extension, wanted=extensions)],
            dataset,
            limits=QueryLimits(filters=filters),
            cursor=cursors,
            format_name=extension,
        )

    queries = {extension: read(extension) for extension in extensions or (STORED,)}
    first = next(iter(queries.values()))
    spelled = [pair for query in queries.values() for pair in pairs_of(query.canonical.encode())]
    return SliceQuery(
        wanted=first.slice,
        styles={extension: queries[extension].style for extension in extensions},
        canonical=query_string_of(_each_once(spelled, like=pairs_of(first.canonical.encode()))),
        file_name=first.delivery.file_name,
    )


def _is_for(key: str, extension: str, *, wanted: Sequence[str]) -> bool:
    """Whether a format is to see a control: its own, and those that no wanted format takes."""
    takers = CONTROLS[key].formats if key in CONTROLS else ()
    return not takers or extension in takers or not set(takers) & set(wanted)


def _each_once(
    pairs: list[tuple[str, str]], *, like: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Add to the pairs of one format's query those that only others' hold."""
    return [*like, *dict.fromkeys(pair for pair in pairs if pair not in like)]
