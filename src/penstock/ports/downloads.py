"""Ports of downloads: stored datasets, tenants, keys and receipts."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Protocol

from penstock.model.dataset import DataFile, Dataset, DatasetEntry
from penstock.model.key import ApiKey
from penstock.model.receipt import Receipt
from penstock.model.signature import SigningKey
from penstock.model.tenant import Tenant


class Blobs(Protocol):
    """The stored objects themselves, for answers that are the object as it is."""

    def read(self, file: DataFile, *, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes `start` to `stop` (exclusive) in pieces of at most 64 KiB.

        Lazy: holds one piece and one open handle, which stays on the object that was opened first,
        also where another one takes its place meanwhile.

        Raises DatasetChangedError if the object is not the one that `file` describes, when it ends
        before `stop`, and where a read that broke off can't go on since another one took its place;
        BusyError if the store can't be read, also after some pieces.
        """
        ...

    def link(self, file: DataFile, *, file_name: str, seconds: int) -> str | None:
        """Give a URL that opens this object, as `file_name`, to whoever has it, for `seconds`.

        Where the store keeps versions of objects, it opens this content and no other; elsewhere it
        opens what is stored there by then. None where objects have no place of their own that a
        client could reach.

        Raises DatasetChangedError if the object is not the one that `file` describes any more, and
        BusyError; both only where there is a link.
        """
        ...


class Catalog(Protocol):
    """Which datasets a tenant has."""

    def entries(self, tenant: str) -> list[DatasetEntry]:
        """List a tenant's datasets by name, the private and the damaged ones included.

        Raises BusyError if the store can't be listed.
        """
        ...

    def names(self, tenant: str) -> list[str]:
        """List the names of a tenant's datasets in order, private and damaged ones included.

        No file is opened. What came or went in the last minute may be missing or left.

        Raises BusyError if the store can't be listed.
        """
        ...

    def private(self, tenant: str) -> Container[str]:
        """Tell which names are private just now, whether there is such a dataset or not.

        All are, where that can't be read. Asked after a name or a fault was found, it tells whether
        that may be told: who makes a dataset private says so before storing it.
        """
        ...

    def dataset(self, tenant: str, name: str, version: str | None = None) -> Dataset:
        """Give the current version of a dataset, or the named one while it is still stored.

        It is public if it was not private before this very content was looked at, nor after.

        Raises UnknownDatasetError (without any suggestion), VersionGoneError, DatasetDamagedError
        if the file can't be read as it is stored, and BusyError if it is out of reach just now.
        """
        ...

    def is_stored(self, dataset: Dataset) -> bool:
        """Whether all that was read of this version's files until now is this version's.

        Asked after each batch, before it is passed on: to be answered in microseconds. A catalog of
        files looks at them; one whose locations open a single content (reading/objects.py) knows.
        """
        ...


class ExportResults(Protocol):
    """The results of exports, by the ids of their jobs."""

    def export(self, tenant: str, job_id: str) -> Dataset:
        """Give an export's result as the private dataset `exports/{job_id}`, with its owner.

        What was stored is found at once, and what was removed no more.

        Raises UnknownDatasetError if there is no whole result, DatasetDamagedError if it can't be
        read as it is stored, and BusyError if it is out of reach just now.
        """
        ...

    def file(self, tenant: str, job_id: str, name: str) -> DataFile:
        """Find a file that stands beside a result's parts (`file-000001.csv`), for Blobs to read.

        Raises UnknownDatasetError if there is none, and BusyError.
        """
        ...


class Tenants(Protocol):
    """Which hosts are served, and for whom."""

    def by_host(self, host: str) -> Tenant:
        """Find the tenant of an exact host name (lower-case, no port, no trailing dot).

        Raises UnknownHostError if there is none, and BusyError if it can't be looked up: no host is
        served on a guess.
        """
        ...

    def all(self) -> list[Tenant]:
        """List every tenant by id."""
        ...


class Keys(Protocol):
    """API keys and signing keys of tenants."""

    def find(self, prefix: str) -> ApiKey | None:
        """Find the key with this public prefix, live or not."""
        ...

    def add(self, key: ApiKey) -> None:
        """Store a new key. At most two keys of a tenant and user are live at once.

        Raises SetupError if two live ones are stored already, or the prefix is taken.
        """
        ...

    def list(self, tenant: str) -> list[ApiKey]:
        """List a tenant's keys, oldest first, the dead ones included."""
        ...

    def revoke(self, tenant: str, prefix: str) -> ApiKey:
        """End a key at once and give it back; revoking a dead key changes nothing.

        Raises SetupError if the tenant has no such key.
        """
        ...

    def signing_keys(self, tenant: str) -> tuple[SigningKey, ...]:
        """Give a tenant's live signing keys, the newest first; made when first asked for."""
        ...


class Receipts(Protocol):
    """What was downloaded, kept for 7 days."""

    def put(self, receipt: Receipt) -> None:
        """Store a receipt, in place of the one with the same tenant and id."""
        ...

    def get(self, tenant: str, receipt_id: str) -> Receipt:
        """Give a receipt back. Raises UnknownReceiptError if there is none or it is too old."""
        ...

    def completed(self, tenant: str, etag: str) -> Receipt | None:
        """Find the newest completed receipt of a strong ETag: it knows the exact length."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Every adapter that the service needs, chosen once in a composition root."""

    blobs: Blobs
    catalog: Catalog
    exported: ExportResults
    tenants: Tenants
    keys: Keys
    receipts: Receipts
