"""Shelves: where a tenant's datasets stand, for checks that change them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from tests.aws.tables import as_parquet


class Shelf(Protocol):
    """The datasets of one tenant."""

    def put(self, dataset: str, content: bytes) -> None:
        """Store a Parquet file as a dataset, in place of the one there is."""
        ...

    def take_away(self, dataset: str) -> None:
        """Delete a dataset."""
        ...

    def hide(self, *datasets: str) -> None:
        """Say which datasets are private, and no others."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketShelf:
    """Datasets in a stack's bucket."""

    s3: Any
    bucket: str
    tenant: str

    def put(self, dataset: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=self._key(dataset), Body=content)

    def take_away(self, dataset: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=self._key(dataset))

    def hide(self, *datasets: str) -> None:
        listed = "".join(f"{dataset}\n" for dataset in datasets).encode()
        self.s3.put_object(Bucket=self.bucket, Key=f"{self.tenant}/private.txt", Body=listed)

    def _key(self, dataset: str) -> str:
        return f"{self.tenant}/datasets/{dataset}.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderShelf:
    """Datasets in a home folder of this machine."""

    store: Path
    tenant: str

    def put(self, dataset: str, content: bytes) -> None:
        path = self._path(dataset)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".tmp")
        fresh.write_bytes(content)
        fresh.replace(path)

    def take_away(self, dataset: str) -> None:
        self._path(dataset).unlink()

    def hide(self, *datasets: str) -> None:
        (self.store / self.tenant).mkdir(parents=True, exist_ok=True)
        listed = "".join(f"{dataset}\n" for dataset in datasets)
        (self.store / self.tenant / "private.txt").write_text(listed)

    def _path(self, dataset: str) -> Path:
        return self.store / self.tenant / "datasets" / f"{dataset}.parquet"


def fill(shelf: Shelf, *, numbers: pa.Table) -> bytes:
    """Store what most checks ask for: `numbers`, and the same once more as private `vault`.

    Gives the stored file's bytes.
    """
    content = as_parquet(numbers)
    # Private before it is there.
    shelf.hide("vault")
    for dataset in ("vault", "numbers"):
        shelf.put(dataset, content)
    return content
