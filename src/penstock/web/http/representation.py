"""Representations: what identifies an answer's bytes, and the headers that say so."""

from dataclasses import dataclass

from penstock.model.dataset import Dataset
from penstock.model.disposition import disposition
from penstock.model.format import Format
from penstock.model.query import Query
from penstock.model.slice import Aggregate, ColumnRef
from penstock.web.answers import cache_control, public_headers
from penstock.web.http.coding import Coding
from penstock.web.http.conditional import entity_tag, http_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """One dataset version, query, format and coding: all that decides the bytes."""

    dataset: Dataset
    written: Format
    query: Query
    coding: Coding

    @property
    def is_stored(self) -> bool:
        """Whether it is a stored object as it is: a whole dataset of one Parquet file."""
        return (
            self.written.extension == "parquet"
            and self.query.is_whole
            and len(self.dataset.files) == 1
            and self.coding == "identity"
        )

    @property
    def is_reproducible(self) -> bool:
        """Whether asking again gives the same bytes: sums and averages of floats don't."""
        columns = self.dataset.by_name
        for output in self.query.slice.outputs:
            if isinstance(output.source, Aggregate):
                argument = output.source.argument
                adds_floats = (
                    output.source.function == "sum"
                    and isinstance(argument, ColumnRef)
                    and columns[argument.name].kind == "float"
                )
                if adds_floats or output.source.function == "avg":
                    return False
        return True

    @property
    def etag(self) -> str:
        """The entity tag; weak where the bytes may differ from run to run."""
        return entity_tag(
            self.dataset.tenant,
            self.dataset.name,
            self.dataset.version,
            self.query.canonical,
            self.written.extension,
            str(self.written.encoding_version),
            self.coding,
            weak=not self.is_reproducible,
        )

    @property
    def location(self) -> str:
        """Path and canonical query, the same for every spelling of this query."""
        query = f"?{self.query.canonical}" if self.query.canonical else ""
        return f"/{self.dataset.name}.{self.written.extension}{query}"

    def validators(self) -> dict[str, str]:
        """Give the headers that a 304 repeats."""
        return {
            "etag": self.etag,
            "last-modified": http_date(self.dataset.modified),
            "vary": "Accept-Encoding",
            "content-location": self.location,
            "cache-control": cache_control(
                private=self.dataset.private or self.query.claim is not None,
                whole=self.query.is_whole,
            ),
        } | public_headers(private=self.dataset.private)

    def headers(self) -> dict[str, str]:
        """Give the headers of the whole answer, its length not among them."""
        coding = {} if self.coding == "identity" else {"content-encoding": self.coding}
        return (
            self.validators()
            | coding
            | {
                "content-type": self.written.media_type,
                "content-disposition": disposition(
                    self.file_name, attachment=self.query.delivery.attachment
                ),
                "x-content-type-options": "nosniff",
            }
        )

    @property
    def file_name(self) -> str:
        """What a browser is to call the file."""
        name = self.query.delivery.file_name or self.dataset.name.rpartition("/")[2]
        return f"{name}.{self.written.extension}"
