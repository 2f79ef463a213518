"""The catalog of a bucket: every tenant's datasets, or one tenant's at the bucket's top."""

from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from penstock.aws.bucket import Bucket, Stored
from penstock.aws.remembered import Remembered
from penstock.aws.sources import Source, all_sources, is_versioned, sources_named
from penstock.aws.stored import Descriptions, version_of
from penstock.aws.versions import Versions
from penstock.errors import (
    BusyError,
    DatasetChangedError,
    DatasetDamagedError,
    PenstockError,
    UnknownDatasetError,
    VersionGoneError,
)
from penstock.model.dataset import Dataset, DatasetEntry, is_dataset_name
from penstock.model.tenant import is_tenant_id
from penstock.reading.described import StoredFile
from penstock.reading.engine import Engine
from penstock.reading.naming import same_name, unusable_name
from penstock.reading.private import (
    EVERYTHING,
    FILE_NAME,
    MAX_BYTES,
    NOTHING,
    PrivateNames,
    parse_private,
)

_THREADS = 8
_PLACES_KEPT = 4096
_ATTEMPTS = 3
_UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class S3Catalog:
    """`{tenant}/datasets/` and `{tenant}/private.txt` of a bucket, laid out as in a local store.

    With `single_tenant`, that tenant's datasets stand at the bucket's top and there is no other
    tenant. A plain object's version is its ETag. Which object gives a dataset, and which parts a
    version has, is remembered for `seconds`; which content an object has, what `current` says and
    what is private is asked for each request, at once: a dataset that is known takes the time of
    one request. Thread-safe.
    """

    def __init__(
        self,
        *,
        client: Any,
        bucket: str,
        engine: Engine,
        single_tenant: str | None = None,
        seconds: float = 60,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._bucket = Bucket(client, bucket)
        self._single_tenant = single_tenant
        self._descriptions = Descriptions(self._bucket, engine)
        self._versions = Versions(self._bucket, self._descriptions, seconds=seconds, now=now)
        self._places: Remembered[Source] = Remembered(seconds=seconds, most=_PLACES_KEPT, now=now)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="catalog")

    def entries(self, tenant: str) -> list[DatasetEntry]:
        home = self._home(tenant)
        if home is None:
            return []
        sources = all_sources(self._bucket, home + self._folder)
        private = self._private(home)

        def entry(name: str) -> DatasetEntry | None:
            return self._entry(tenant, name, sources[name], private)

        with ThreadPoolExecutor(_THREADS, thread_name_prefix="list") as threads:
            found = list(threads.map(entry, sorted(sources)))
        return [one for one in found if one is not None]

    def dataset(self, tenant: str, name: str, version: str | None = None) -> Dataset:
        home = self._home(tenant)
        if home is None or not is_dataset_name(name):
            raise UnknownDatasetError(name)
        private = self._threads.submit(self._private, home)
        looked: list[Source] = []

        def look() -> Source:
            looked.append(self._only(home, name))
            return looked[0]

        source = self._places.get(f"{home}{name}", look)
        try:
            return self._read(
                tenant, name, source, version, is_fresh=bool(looked), private=private.result()
            )
        except UnknownDatasetError:
            self._places.forget(f"{home}{name}")
            if looked:
                raise
        # What gave this dataset a while ago is gone: something else may give it now.
        return self.dataset(tenant, name, version)

    def is_stored(self, dataset: Dataset) -> bool:  # noqa: ARG002 - a port
        # Each request of the engine demands the content that a file's location names.
        return True

    def close(self) -> None:
        """End the catalog's threads."""
        self._threads.shutdown()

    @property
    def _folder(self) -> str:
        return "" if self._single_tenant is not None else "datasets/"

    def _home(self, tenant: str) -> str | None:
        if self._single_tenant is not None:
            return "" if tenant == self._single_tenant else None
        return f"{tenant}/" if is_tenant_id(tenant) else None

    def _private(self, home: str) -> PrivateNames:
        try:
            content = self._bucket.small(f"{home}{FILE_NAME}", max_bytes=MAX_BYTES)
        except (BusyError, ValueError):
            return EVERYTHING
        return NOTHING if content is None else parse_private(content)

    def _only(self, home: str, name: str) -> Source:
        return _one_of(name, sources_named(self._bucket, home + self._folder, name, self._threads))

    def _read(
        self,
        tenant: str,
        name: str,
        source: Source,
        version: str | None,
        *,
        is_fresh: bool,
        private: Container[str],
    ) -> Dataset:
        """Read a dataset; what the source says of its object holds if it `is_fresh`."""
        make = partial(Dataset, tenant=tenant, name=name, private=name in private)
        if source.stored is None:
            found = self._versions.read(source.key, dataset=name, wanted=version)
            return make(
                version=found.manifest.version,
                modified=found.manifest.published,
                columns=found.parts[0].columns,
                files=tuple(part.file for part in found.parts),
            )
        stored = source.stored if is_fresh else self._look(source, name)
        one, stored = self._described(source, stored, name)
        own = version_of(stored)
        if version not in (None, own):
            raise VersionGoneError(str(version), current=own)
        return make(version=own, modified=one.modified, columns=one.columns, files=(one.file,))

    def _described(self, source: Source, stored: Stored, name: str) -> tuple[StoredFile, Stored]:
        for _ in range(_ATTEMPTS):
            try:
                return self._descriptions.describe(stored, dataset=name), stored
            except DatasetChangedError:
                stored = self._look(source, name)
        raise DatasetDamagedError(name, reason="it is being written just now")

    def _look(self, source: Source, name: str) -> Stored:
        stored = self._bucket.look(source.key)
        if stored is None:
            raise UnknownDatasetError(name)
        return stored

    def _is_versioned(self, source: Source) -> bool:
        return is_versioned(self._bucket, source)

    def _entry(
        self, tenant: str, name: str, sources: Sequence[Source], private: Container[str]
    ) -> DatasetEntry | None:
        try:
            if len(sources) > 1:
                sources = [each for each in sources if each.stored or self._is_versioned(each)]
            source = _one_of(name, sources)
            if is_dataset_name(name):
                dataset = self._read(tenant, name, source, None, is_fresh=True, private=private)
                return DatasetEntry.of(dataset)
            problem = unusable_name(name, file_name=source.file_name)
        except UnknownDatasetError:
            # It went away meanwhile, or is a folder without versions.
            return None
        except DatasetDamagedError as error:
            problem = error.reason
        except PenstockError as error:
            problem = error.detail
        stored = sources[0].stored
        return DatasetEntry(
            name=name,
            version="",
            modified=stored.modified if stored else _UNKNOWN_TIME,
            private=name in private,
            rows=0,
            size_bytes=stored.size_bytes if stored else 0,
            problem=problem,
        )


def _one_of(name: str, sources: Sequence[Source]) -> Source:
    if not sources:
        raise UnknownDatasetError(name)
    if len(sources) > 1:
        raise same_name(name, (source.file_name for source in sources))
    return sources[0]
