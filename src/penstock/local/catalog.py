"""Catalogs of files: a store of many tenants, and one folder or file served as one tenant."""

import os
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from penstock.errors import SetupError, UnknownDatasetError
from penstock.local.private import read_private
from penstock.local.shelf import Shelf
from penstock.local.sources import Source, grouped, sources_in
from penstock.local.stored import Descriptions, is_unchanged, settled
from penstock.local.tenants_file import is_tenant_id
from penstock.model.dataset import Dataset, DatasetEntry, is_dataset_name
from penstock.reading.engine import Engine


class StoreCatalog:
    """The store `{root}/{tenant}/datasets/`, of plain files and of versions (versions.py).

    A plain file's version is its identity. `{root}/{tenant}/private.txt` names what is private
    (private.py). Links are followed within the tenant's own folder, which must not be a link.
    """

    def __init__(self, root: Path, *, engine: Engine) -> None:
        self._root = root.resolve()
        self._descriptions = Descriptions(engine)

    def entries(self, tenant: str) -> list[DatasetEntry]:
        return self._shelf(tenant, wanted=None).entries()

    def dataset(self, tenant: str, name: str, version: str | None = None) -> Dataset:
        if not is_dataset_name(name):
            raise UnknownDatasetError(name)
        return self._shelf(tenant, wanted=name).dataset(name, version)

    def is_stored(self, dataset: Dataset) -> bool:
        return all(is_unchanged(file) for file in dataset.files)

    def _shelf(self, tenant: str, *, wanted: str | None) -> Shelf:
        folder = self._root / tenant if is_tenant_id(tenant) else None
        if folder is None or folder.is_symlink():
            return Shelf(
                tenant=tenant, sources={}, private=frozenset(), descriptions=self._descriptions
            )
        datasets = settled(folder / "datasets", within=folder)
        found = (
            sources_in(datasets, within=folder, with_versions=True, wanted=wanted)
            if datasets is not None
            else ()
        )
        return Shelf(
            tenant=tenant,
            sources=grouped(found),
            private=read_private(folder),
            descriptions=self._descriptions,
        )


class FolderCatalog:
    """The Parquet files of one folder (not of those below it), or one file, as one tenant's.

    A file's version is its identity. `converted` maps the name of a file that was converted
    (`a.csv`) to the Parquet file that stands for it, `problems` the name of one that can't be
    served to the reason; both give datasets beside the others. Datasets named in `private` are
    private. Links are followed within the folder; a file that is served alone may be one itself.

    Raises SetupError if there is nothing to read at `served`.
    """

    def __init__(
        self,
        served: Path,
        *,
        tenant: str,
        engine: Engine,
        converted: Mapping[str, Path] | None = None,
        problems: Mapping[str, str] | None = None,
        private: Container[str] = frozenset(),
    ) -> None:
        _refuse_unreadable(served)
        self._served = served.absolute()
        self._folder = served.resolve() if served.is_dir() else None
        self._tenant = tenant
        self._converted = converted or {}
        self._problems = problems or {}
        self._private = private
        self._descriptions = Descriptions(engine)

    def entries(self, tenant: str) -> list[DatasetEntry]:
        return self._shelf(tenant, wanted=None).entries()

    def dataset(self, tenant: str, name: str, version: str | None = None) -> Dataset:
        if not is_dataset_name(name):
            raise UnknownDatasetError(name)
        return self._shelf(tenant, wanted=name).dataset(name, version)

    def is_stored(self, dataset: Dataset) -> bool:
        return all(is_unchanged(file) for file in dataset.files)

    def _shelf(self, tenant: str, *, wanted: str | None) -> Shelf:
        found = self._sources(wanted) if tenant == self._tenant else ()
        return Shelf(
            tenant=tenant,
            sources=grouped(found),
            private=self._private,
            descriptions=self._descriptions,
        )

    def _sources(self, wanted: str | None) -> Iterator[Source]:
        folder = self._folder
        if folder is not None:
            yield from sources_in(folder, within=folder, with_versions=False, wanted=wanted)
        elif self._served.name not in {**self._converted, **self._problems}:
            yield Source(file_name=self._served.name, path=self._served, within=None)
        for file_name, location in self._converted.items():
            yield Source(file_name=file_name, path=location, within=None)
        for file_name, problem in self._problems.items():
            path = self._served if folder is None else folder / file_name
            yield Source(file_name=file_name, path=path, within=None, problem=problem)


def _refuse_unreadable(served: Path) -> None:
    try:
        if served.is_dir():
            os.scandir(served).close()
        elif served.is_file() or not served.exists():
            served.open("rb").close()
        else:
            # Opening a pipe would wait for its writer.
            raise SetupError(f"{served} is neither a folder nor a file.")
    except OSError as error:
        raise SetupError(f"{served} can't be read: {error.strerror}.") from error
