"""Results of exports in a bucket (reading/result_names.py says what stands where)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from penstock.aws.datasets.stored import Descriptions, version_of
from penstock.aws.datasets.versions import stored_parts
from penstock.aws.services.bucket import Bucket
from penstock.aws.services.ttl_cache import TtlCache
from penstock.errors import (
    DatasetChangedError,
    DatasetDamagedError,
    UnknownDatasetError,
)
from penstock.model.dataset import DataFile, Dataset
from penstock.model.manifest import Manifest
from penstock.model.tenant import is_tenant_id
from penstock.reading.engine import Engine
from penstock.reading.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    parse_manifest,
    result_of,
    unreadable_manifest,
)
from penstock.reading.result_names import EXPORTS, is_result_file, result_name

_RESULTS_KEPT = 1024


class S3Exports:
    """Results below `{tenant}/exports/` of a bucket; thread-safe.

    Whether a result is there is asked each time, with one request; what it consists of never
    changes, and is remembered for `seconds`.
    """

    def __init__(
        self,
        *,
        client: Any,
        bucket: str,
        engine: Engine,
        seconds: float = 60,
        now: Callable[[], datetime],
    ) -> None:
        self._bucket = Bucket(client, bucket)
        self._descriptions = Descriptions(self._bucket, engine)
        self._known: TtlCache[Dataset] = TtlCache(seconds=seconds, most=_RESULTS_KEPT, now=now)

    def export(self, tenant: str, job_id: str) -> Dataset:
        name = result_name(job_id)
        folder = _folder(tenant, job_id, name)
        if self._bucket.look(f"{folder}{MANIFEST}") is None:
            self._known.forget(folder)
            raise UnknownDatasetError(name)
        return self._known.get(folder, lambda: self._read(tenant, job_id, folder, name))

    def file(self, tenant: str, job_id: str, name: str) -> DataFile:
        dataset = result_name(job_id)
        folder = _folder(tenant, job_id, dataset)
        if not is_result_file(name) or self._bucket.look(f"{folder}{MANIFEST}") is None:
            raise UnknownDatasetError(dataset)
        stored = self._bucket.look(f"{folder}{name}")
        if stored is None:
            raise UnknownDatasetError(dataset)
        return DataFile(
            location=stored.object.location,
            size_bytes=stored.size_bytes,
            row_groups=(),
            identity=version_of(stored),
        )

    def draft(self, tenant: str, manifest: Manifest) -> Dataset:
        name = result_name(manifest.version)
        return self._dataset(tenant, _folder(tenant, manifest.version, name), manifest, name)

    def _read(self, tenant: str, job_id: str, folder: str, name: str) -> Dataset:
        try:
            content = self._bucket.small(f"{folder}{MANIFEST}", max_bytes=MAX_MANIFEST_BYTES)
        except ValueError as error:
            raise unreadable_manifest(name) from error
        if content is None:
            raise UnknownDatasetError(name)
        manifest = parse_manifest(content, version=job_id, dataset=name)
        try:
            return self._dataset(tenant, folder, manifest, name)
        except (DatasetDamagedError, DatasetChangedError) as error:
            # While a result is removed its parts go last: without its manifest it isn't damaged.
            if self._bucket.look(f"{folder}{MANIFEST}") is None:
                raise UnknownDatasetError(name) from error
            raise

    def _dataset(self, tenant: str, folder: str, manifest: Manifest, name: str) -> Dataset:
        parts = stored_parts(self._bucket, self._descriptions, folder, manifest, dataset=name)
        return result_of(manifest, parts, tenant=tenant, name=name)


def _folder(tenant: str, job_id: str, name: str) -> str:
    if not is_tenant_id(tenant):
        raise UnknownDatasetError(name)
    return f"{tenant}/{EXPORTS}/{job_id}/"
