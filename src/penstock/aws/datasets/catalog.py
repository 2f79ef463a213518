"""The catalog of a bucket: every tenant's datasets, or one tenant's at the bucket's top."""

from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from penstock.aws.datasets.private import KnownPublic, read_private
from penstock.aws.datasets.sources import Source, all_sources, is_versioned, sources_named
from penstock.aws.datasets.stored import Descriptions, version_of
from penstock.aws.datasets.versions import Versions
from penstock.aws.services.bucket import Bucket, ObjectHead
from penstock.aws.services.ttl_cache import TtlCache
from penstock.errors import (
    DatasetChangedError,
    DatasetDamagedError,
    PenstockError,
    UnknownDatasetError,
    VersionGoneError,
)
from penstock.model.clock import utc_now
from penstock.model.dataset import Dataset, DatasetEntry, is_dataset_name
from penstock.model.tenant import is_tenant_id
from penstock.reading.engine import Engine
from penstock.reading.naming import same_name, unusable_name
from penstock.reading.private import NOTHING
from penstock.reading.stored_file import StoredFile

_THREADS = 8
_PLACES_KEPT = 4096
_TENANTS_KEPT = 256
_ATTEMPTS = 3
_UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)


class S3Catalog:
    """`{tenant}/datasets/` and `{tenant}/private.txt` of a bucket, laid out as in a local store.

    With `single_tenant`, that tenant's datasets stand at the bucket's top and there is no other
    tenant. A plain object's version is its ETag. Which object gives a dataset, and which parts a
    version has, is remembered for `seconds`, and so are a tenant's names; which content an object
    has, what `current` says and what is private is asked for each request, at once: a dataset that
    is known takes the time of one request. Thread-safe.

    Whoever makes a dataset private says so before storing what nobody may see, and stores what
    everybody may see before saying that: so a content is public if `private.txt` doesn't name it
    when it is read before the content is looked at, nor when it is read after.
    """

    def __init__(
        self,
        *,
        client: Any,
        bucket: str,
        engine: Engine,
        single_tenant: str | None = None,
        seconds: float = 60,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._bucket = Bucket(client, bucket)
        self._single_tenant = single_tenant
        self._descriptions = Descriptions(self._bucket, engine)
        self._versions = Versions(self._bucket, self._descriptions, seconds=seconds, now=now)
        self._public = KnownPublic()
        self._places: TtlCache[Source] = TtlCache(seconds=seconds, most=_PLACES_KEPT, now=now)
        self._names: TtlCache[tuple[str, ...]] = TtlCache(
            seconds=seconds, most=_TENANTS_KEPT, now=now
        )
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="catalog")

    def entries(self, tenant: str) -> list[DatasetEntry]:
        home = self._home(tenant)
        if home is None:
            return []
        before = read_private(self._bucket, home)
        sources = all_sources(self._bucket, home + self._folder)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="list") as threads:
            looked = threads.map(
                lambda name: self._entry(tenant, name, sources[name]), sorted(sources)
            )
            found = [one for one in looked if one is not None]
        after = read_private(self._bucket, home)
        return [replace(one, private=one.name in before or one.name in after) for one in found]

    def names(self, tenant: str) -> list[str]:
        home = self._home(tenant)
        if home is None:
            return []
        return list(self._names.get(home, lambda: self._listed(home)))

    def private(self, tenant: str) -> Container[str]:
        home = self._home(tenant)
        return NOTHING if home is None else read_private(self._bucket, home)

    def dataset(self, tenant: str, name: str, version: str | None = None) -> Dataset:
        home = self._home(tenant)
        if home is None or not is_dataset_name(name):
            raise UnknownDatasetError(name)
        private = self._threads.submit(read_private, self._bucket, home)
        looked: list[Source] = []

        def look() -> Source:
            looked.append(self._only(home, name))
            return looked[0]

        source = self._places.get(f"{home}{name}", look)
        try:
            found = self._read(tenant, name, source, version, is_fresh=bool(looked))
            if name in private.result():
                return found
            if found not in self._public:
                # What is private was read before or after this content was there: nobody knows.
                found = self._read(tenant, name, source, version, is_fresh=False)
                if name in read_private(self._bucket, home):
                    return found
                self._public.add(found)
            return replace(found, private=False)
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

    def _listed(self, home: str) -> tuple[str, ...]:
        found = all_sources(self._bucket, home + self._folder)
        names = [name for name in sorted(found) if is_dataset_name(name)]

        def is_there(name: str) -> bool:
            # A folder may hold anything, and its name is told to nobody then.
            return any(each.stored or self._is_versioned(each) for each in found[name])

        with ThreadPoolExecutor(_THREADS, thread_name_prefix="names") as threads:
            looked = zip(names, threads.map(is_there, names), strict=True)
            return tuple(name for name, there in looked if there)

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
    ) -> Dataset:
        """Read a dataset, private until it is known not to be.

        What the source says of its object holds if it `is_fresh`.
        """
        make = partial(Dataset, tenant=tenant, name=name, private=True)
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

    def _described(
        self, source: Source, stored: ObjectHead, name: str
    ) -> tuple[StoredFile, ObjectHead]:
        for _ in range(_ATTEMPTS):
            try:
                return self._descriptions.describe(stored, dataset=name), stored
            except DatasetChangedError:
                stored = self._look(source, name)
        raise DatasetDamagedError(name, reason="it is being written just now")

    def _look(self, source: Source, name: str) -> ObjectHead:
        stored = self._bucket.look(source.key)
        if stored is None:
            raise UnknownDatasetError(name)
        return stored

    def _is_versioned(self, source: Source) -> bool:
        return is_versioned(self._bucket, source)

    def _entry(self, tenant: str, name: str, sources: Sequence[Source]) -> DatasetEntry | None:
        """List a dataset, private until it is known not to be."""
        try:
            if len(sources) > 1:
                sources = [each for each in sources if each.stored or self._is_versioned(each)]
            source = _one_of(name, sources)
            if is_dataset_name(name):
                return DatasetEntry.of(self._read(tenant, name, source, None, is_fresh=True))
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
            private=True,
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
