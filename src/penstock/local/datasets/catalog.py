"""Catalogs of files: a store of many tenants, and one folder or file served as one tenant."""

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from penstock.errors import SetupError, UnknownDatasetError
from penstock.local.datasets.private import read_private
from penstock.local.datasets.sources import Source, grouped, sources_in
from penstock.local.datasets.stored import Descriptions, is_unchanged, settled
from penstock.local.datasets.tenant_datasets import TenantDatasets
from penstock.model.dataset import Dataset, DatasetEntry, is_dataset_name
from penstock.model.tenant import is_tenant_id
from penstock.reading.engine import Engine

DatasetsOf = Callable[[str, str | None], TenantDatasets]
"""Takes a tenant, and the one dataset that is wanted; None wants all."""

PrivateOf = Callable[[str], Container[str]]


class FileCatalog:
    """A catalog over what `datasets_of` gives of a tenant, at least with the dataset `wanted`.

    `private_of` gives the names that are private to a tenant just then.
    """

    def __init__(self, datasets_of: DatasetsOf, private_of: PrivateOf) -> None:
        self._datasets_of = datasets_of
        self._private_of = private_of

    def entries(self, tenant: str) -> list[DatasetEntry]:
        return self._datasets_of(tenant, None).entries()

    def names(self, tenant: str) -> list[str]:
        return self._datasets_of(tenant, None).names()

    def private(self, tenant: str) -> Container[str]:
        return self._private_of(tenant)

    def dataset(self, tenant: str, name: str, version: str | None = None) -> Dataset:
        if not is_dataset_name(name):
            raise UnknownDatasetError(name)
        return self._datasets_of(tenant, name).dataset(name, version)

    def is_stored(self, dataset: Dataset) -> bool:
        return all(is_unchanged(file) for file in dataset.files)


def store_catalog(root: Path, *, engine: Engine) -> FileCatalog:
    """Give the catalog of `{root}/{tenant}/datasets/`: plain files, and versions.

    Versions are laid out as reading/manifest.py says, a plain file's version is its identity, and
    `{root}/{tenant}/private.txt` names what is private as reading/private.py says. Links are
    followed within the tenant's own folder, which must not be a link.
    """
    root = root.resolve()
    descriptions = Descriptions(engine)

    def sources(folder: Path, wanted: str | None) -> Iterable[Source]:
        datasets = settled(folder / "datasets", within=folder)
        if datasets is None:
            return ()
        return sources_in(datasets, within=folder, with_versions=True, wanted=wanted)

    def home_of(tenant: str) -> Path | None:
        folder = root / tenant
        return folder if is_tenant_id(tenant) and not folder.is_symlink() else None

    def private_of(tenant: str) -> Container[str]:
        folder = home_of(tenant)
        return frozenset() if folder is None else read_private(folder)

    def datasets_of(tenant: str, wanted: str | None) -> TenantDatasets:
        folder = home_of(tenant)
        return TenantDatasets(
            tenant=tenant,
            sources={} if folder is None else grouped(sources(folder, wanted)),
            private=partial(private_of, tenant),
            descriptions=descriptions,
        )

    return FileCatalog(datasets_of, private_of)


def folder_catalog(
    served: Path,
    *,
    tenant: str,
    engine: Engine,
    converted: Mapping[str, Path] | None = None,
    problems: Mapping[str, str] | None = None,
    private: Container[str] = frozenset(),
) -> FileCatalog:
    """Give the catalog of one folder's Parquet files (not of those below it), or of one file.

    All of it is one tenant's, and a file's version is its identity. `converted` maps the name of a
    file that was converted (`a.csv`) to the Parquet file that stands for it, `problems` the name of
    one that can't be served to the reason; both give datasets beside the others. Datasets named in
    `private` are private. Links are followed within the folder; a file that is served alone may be
    one itself.

    Raises SetupError if there is nothing to read at `served`.
    """
    _refuse_unreadable(served)
    path = served.absolute()
    folder = served.resolve() if served.is_dir() else None
    descriptions = Descriptions(engine)

    def sources(wanted: str | None) -> Iterator[Source]:
        if folder is not None:
            yield from sources_in(folder, within=folder, with_versions=False, wanted=wanted)
        elif path.name not in {**(converted or {}), **(problems or {})}:
            yield Source(file_name=path.name, path=path, within=None)
        for file_name, location in (converted or {}).items():
            yield Source(file_name=file_name, path=location, within=None)
        for file_name, problem in (problems or {}).items():
            place = path if folder is None else folder / file_name
            yield Source(file_name=file_name, path=place, within=None, problem=problem)

    def private_of(_tenant: str) -> Container[str]:
        return private

    def datasets_of(asked: str, wanted: str | None) -> TenantDatasets:
        return TenantDatasets(
            tenant=asked,
            sources=grouped(sources(wanted) if asked == tenant else ()),
            private=partial(private_of, asked),
            descriptions=descriptions,
        )

    return FileCatalog(datasets_of, private_of)


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
