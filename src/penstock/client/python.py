"""Python: the small client for programs."""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import httpx
import pyarrow as pa

from penstock.client.files.download import download
from penstock.client.jobs.exporting import export, exported
from penstock.client.transfer.coding import PiecesFile
from penstock.client.transfer.connection import origin_of, reason_of, usable_url
from penstock.client.transfer.failures import refusal
from penstock.client.transfer.options import DEFAULT_OPTIONS, DownloadOptions
from penstock.client.transfer.outcome import Downloaded
from penstock.client.transfer.stream import stream
from penstock.errors import BadValueError, TransferError

Scalar = str | int | float | bool | Decimal | date | time | UUID
Filter = Scalar | Sequence[Scalar] | None


class Client:
    """One tenant's datasets.

        client = Client("https://data.example.org")
        trees = client.get("trees", "csv", columns=["name", "height"], height__gt=20)
        for batch in client.batches("trees", species=["oak", "ash"]):
            ...

    Filters are written as in a URL: a column's name, or `column__operator`. A list means any of
    its values; None means null. What is no Python name, or is an argument's, goes into `filters`:
    `filters={"organisation-entity": 122}`. Other controls of the URL are passed under their own
    names: `_distinct=1`. Connections are opened for
    each call and broken ones are resumed; whatever arrives is checked against its receipt.
    """

    def __init__(
        self, origin: str, *, key: str | None = None, options: DownloadOptions = DEFAULT_OPTIONS
    ) -> None:
        """Remember where to ask. Raises SetupError if `origin` is no usable URL."""
        self._origin = origin_of(usable_url(origin))
        self._options = options if key is None else replace(options, key=key)

    def datasets(self) -> list[dict[str, Any]]:
        """List the datasets that the key, or anybody, may see."""
        found = self._json("/-/datasets.json")
        listed = found.get("datasets") if isinstance(found, dict) else found
        if not isinstance(listed, list):
            raise TransferError("The server's list of datasets can't be read.")
        return listed

    def schema(self, dataset: str) -> dict[str, Any]:
        """Give a dataset's columns and their types, as the server describes them."""
        found = self._json(f"/{quote(dataset)}/-/schema.json")
        if not isinstance(found, dict):
            raise TransferError("The server's description of the dataset can't be read.")
        return found

    def url(
        self,
        dataset: str,
        format: str = "csv",  # noqa: A002 - the grammar's own word
        *,
        columns: list[str] | None = None,
        where: str | None = None,
        sort: list[str] | None = None,
        limit: int | None = None,
        filters: Mapping[str, Filter] | None = None,
        **more: Filter,
    ) -> str:
        """Write the URL of a slice; anybody who may see the dataset can use it.

        Raises BadValueError for an empty list: no value at all must not mean every value.
        """
        controls: dict[str, Filter] = {
            "_select": None if columns is None else ",".join(columns),
            "_where": where,
            "_sort": None if sort is None else ",".join(sort),
            "_limit": limit,
        }
        pairs = [(name, _text(value)) for name, value in controls.items() if value is not None]
        for name, value in [*(filters or {}).items(), *more.items()]:
            pairs.extend(_pairs(name, value))
        query = urlencode(pairs, quote_via=quote)
        return f"{self._origin}/{quote(dataset)}.{quote(format)}" + (f"?{query}" if query else "")

    def get(self, dataset: str, format: str = "csv", **asked: Any) -> bytes:  # noqa: A002 - the grammar's own word
        """Give a slice as the bytes of one file, checked; all of it is in memory.

        Takes what `url` takes. Raises TransferError if it can't be completed.
        """
        with closing(stream(self.url(dataset, format, **asked), options=self._options)) as pieces:
            return b"".join(pieces)

    def download(
        self,
        dataset: str,
        format: str = "csv",  # noqa: A002 - the grammar's own word
        *,
        to: Path | None = None,
        **asked: Any,
    ) -> Downloaded:
        """Make a file of a slice, as `penstock.client.download` does; takes what `url` takes."""
        return download(self.url(dataset, format, **asked), to, options=self._options)

    def export(
        self,
        type: str,  # noqa: A002 - the API's own word
        format: str = "csv",  # noqa: A002 - the grammar's own word
        *,
        to: Path | None = None,
        formats: Sequence[str] = (),
        params: Mapping[str, object] | None = None,
        **more: object,
    ) -> Downloaded:
        """Have an export made, and make a file of it, as `penstock.client.export` does.

        It may have any size. Parameters are given by their names, or in `params`; `formats` are
        further ones that the job writes and keeps.
        """
        given = {**(params or {}), **more}
        return export(
            self._origin, type, given, format=format, formats=formats, to=to, options=self._options
        )

    def batches(self, dataset: str, **asked: Any) -> pa.RecordBatchReader:
        """Read a slice as Arrow record batches while it arrives; takes what `url` takes.

        The schema is there when this returns. Lazy: holds one batch. Reading on raises
        TransferError if the rest doesn't arrive, and at the end if the receipt disagrees. What is
        too large for one answer is read by `export_batches`.
        """
        return _batches(stream(self.url(dataset, "arrow", **asked), options=self._options))

    def export_batches(
        self,
        type: str,  # noqa: A002 - the API's own word
        *,
        params: Mapping[str, object] | None = None,
        **more: object,
    ) -> pa.RecordBatchReader:
        """Have an export made, and read it as Arrow record batches while it arrives.

        It may have any size. Parameters are given as to `export`; what is read is as in `batches`.
        """
        given = {**(params or {}), **more}
        return _batches(exported(self._origin, type, given, format="arrow", options=self._options))

    def _json(self, path: str) -> object:
        address = usable_url(self._origin + path)
        try:
            with (
                self._options.connect(address) as connection,
                connection.get(address, {"Accept-Encoding": "identity"}) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise refusal(response, connection)
                found: object = json.loads(b"".join(response.iter_raw()))
        except httpx.TransportError as error:
            raise TransferError(f"{reason_of(error)}.") from error
        except ValueError as error:
            raise TransferError("The server's answer is no JSON.") from error
        return found


def _batches(pieces: Generator[bytes, None, Downloaded]) -> pa.RecordBatchReader:
    reader = pa.ipc.open_stream(pa.PythonFile(PiecesFile(pieces, in_full=True), mode="r"))
    return pa.RecordBatchReader.from_batches(reader.schema, _to_the_end(reader, pieces))


def _to_the_end(
    reader: pa.RecordBatchReader, pieces: Generator[bytes, None, Downloaded]
) -> Iterator[pa.RecordBatch]:
    with closing(pieces):
        yield from reader
        # What stands behind the last batch: the end of the body, and the check of the receipt.
        for _ in pieces:
            pass


def _pairs(name: str, value: Filter) -> list[tuple[str, str]]:
    if value is None:
        return [(f"{name.removesuffix('__exact')}__isnull", "1")]
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [(name, _text(value))]
    if not value:
        raise BadValueError(name, "[]", expected="at least one value")
    if name.endswith("__notin"):
        # As a JSON array a value may hold a comma; repeated, each would be split at its commas.
        return [(name, json.dumps([_text(item) for item in value]))]
    if name.endswith("__in"):
        return [(name.removesuffix("in") + "exact", _text(item)) for item in value]
    return [(name, _text(item)) for item in value]


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)
