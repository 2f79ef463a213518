"""Results of exports in a folder (reading/result_names.py says what stands where)."""

import os
import stat
from pathlib import Path

from penstock.errors import DatasetDamagedError, UnknownDatasetError
from penstock.local.datasets.stored import Descriptions, identity_of, settled
from penstock.local.datasets.versions import read_manifest
from penstock.model.dataset import DataFile, Dataset
from penstock.model.manifest import Manifest
from penstock.model.tenant import is_tenant_id
from penstock.reading.engine import Engine
from penstock.reading.manifest import part_missing, refuse_other_parts
from penstock.reading.result_names import EXPORTS, is_result_file, result_name
from penstock.reading.stored_file import StoredFile


class FileExports:
    """Results below `{root}/{tenant}/exports/`; links are followed within the tenant's folder."""

    def __init__(self, root: Path, *, engine: Engine) -> None:
        self._root = root.resolve()
        self._descriptions = Descriptions(engine)

    def export(self, tenant: str, job_id: str) -> Dataset:
        name = result_name(job_id)
        place, manifest = self._manifest(tenant, job_id, name)
        try:
            return self._dataset(tenant, place, manifest, name)
        except DatasetDamagedError:
            # While a result is removed its parts go last: without its manifest it isn't damaged.
            self._manifest(tenant, job_id, name)
            raise

    def draft(self, tenant: str, manifest: Manifest) -> Dataset:
        name = result_name(manifest.version)
        home = self._root / tenant
        place = settled(home / EXPORTS / manifest.version, within=home)
        if not is_tenant_id(tenant) or home.is_symlink() or place is None:
            raise part_missing(name)
        return self._dataset(tenant, place, manifest, name)

    def _dataset(self, tenant: str, place: Path, manifest: Manifest, name: str) -> Dataset:
        stored = self._parts(place, manifest, name)
        return Dataset(
            tenant=tenant,
            name=name,
            version=manifest.version,
            modified=manifest.published,
            private=True,
            columns=stored[0].columns,
            files=tuple(one.file for one in stored),
            owner=manifest.owner,
        )

    def file(self, tenant: str, job_id: str, name: str) -> DataFile:
        dataset = result_name(job_id)
        place, _ = self._manifest(tenant, job_id, dataset)
        path = place / name
        try:
            status = os.lstat(path)
        except OSError as error:
            raise UnknownDatasetError(dataset) from error
        if not (is_result_file(name) and stat.S_ISREG(status.st_mode)):
            raise UnknownDatasetError(dataset)
        return DataFile(
            location=str(path),
            size_bytes=status.st_size,
            row_groups=(),
            identity=identity_of(status),
        )

    def _manifest(self, tenant: str, job_id: str, name: str) -> tuple[Path, Manifest]:
        home = self._root / tenant
        if not is_tenant_id(tenant) or home.is_symlink():
            raise UnknownDatasetError(name)
        folder = settled(home / EXPORTS, within=home)
        found = None if folder is None else read_manifest(folder, job_id, within=home, dataset=name)
        if found is None:
            raise UnknownDatasetError(name)
        return found

    def _parts(self, place: Path, manifest: Manifest, name: str) -> list[StoredFile]:
        stored: list[StoredFile] = []
        for part in manifest.parts:
            try:
                stored.append(self._descriptions.describe(place / part.name, dataset=name))
            except UnknownDatasetError as error:
                raise part_missing(name) from error
        refuse_other_parts(manifest, stored, dataset=name)
        return stored
