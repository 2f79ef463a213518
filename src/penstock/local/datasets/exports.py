"""Results of exports in a folder (reading/result_names.py says what stands where)."""

import os
import stat
from pathlib import Path

from penstock.errors import DatasetDamagedError, UnknownDatasetError
from penstock.local.datasets.stored import Descriptions, identity_of, settled
from penstock.local.datasets.versions import read_manifest, stored_parts
from penstock.model.dataset import DataFile, Dataset
from penstock.model.manifest import Manifest
from penstock.model.tenant import is_tenant_id
from penstock.reading.engine import Engine
from penstock.reading.manifest import part_missing, result_of
from penstock.reading.result_names import EXPORTS, is_result_file, result_name


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
        stored = stored_parts(
            self._descriptions, place, manifest, within=self._root / tenant, dataset=name
        )
        return result_of(manifest, stored, tenant=tenant, name=name)

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
