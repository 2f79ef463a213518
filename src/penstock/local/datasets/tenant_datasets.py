"""One tenant's datasets by name, read from their sources."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from penstock.errors import (
    DatasetDamagedError,
    PenstockError,
    UnknownDatasetError,
    VersionGoneError,
)
from penstock.local.datasets.sources import Source
from penstock.local.datasets.stored import Descriptions, modified, real_path, settled
from penstock.local.datasets.versions import current_version, read_manifest, stored_parts
from penstock.model.dataset import Dataset, DatasetEntry, is_dataset_name
from penstock.reading.manifest import not_whole
from penstock.reading.naming import same_name, unusable_name
from penstock.reading.stored_file import StoredFile


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDatasets:
    """What one tenant has just now: `sources` by name; `private` gives the private names then."""

    tenant: str
    sources: Mapping[str, Sequence[Source]]
    private: Callable[[], Container[str]]
    descriptions: Descriptions

    def entries(self) -> list[DatasetEntry]:
        """List every source by name; one that can't be served says why and stops no other."""
        before = self.private()
        looked = [self._entry(name, self.sources[name]) for name in sorted(self.sources)]
        after = self.private()
        return [
            replace(entry, private=entry.name in before or entry.name in after)
            for entry in looked
            if entry is not None
        ]

    def names(self) -> list[str]:
        """List the names of what may be datasets; no file is looked at."""
        return [name for name in sorted(self.sources) if is_dataset_name(name)]

    def dataset(self, name: str, version: str | None) -> Dataset:
        """Read one dataset; raises what Catalog.dataset raises."""
        before = self.private()
        found = self._found(name, version)
        # It may have come, as a private one, after that was read.
        return replace(found, private=name in before or name in self.private())

    def _found(self, name: str, version: str | None) -> Dataset:
        """Read one dataset, private until it is known not to be."""
        if name not in self.sources or not is_dataset_name(name):
            raise UnknownDatasetError(name)
        source = self._only(name, self.sources[name])
        place = _place(source)
        if place is None:
            raise UnknownDatasetError(name)
        if source.versioned:
            return self._versioned(name, place, source.within or place, version)
        stored = self.descriptions.describe(place, dataset=name)
        if version not in (None, stored.file.identity):
            raise VersionGoneError(str(version), current=stored.file.identity)
        return self._dataset(
            name, version=stored.file.identity, modified=stored.modified, stored=[stored]
        )

    def _only(self, name: str, sources: Sequence[Source]) -> Source:
        if len(sources) > 1:
            raise same_name(name, (source.shown for source in sources))
        if sources[0].problem is not None:
            raise DatasetDamagedError(name, reason=sources[0].problem)
        return sources[0]

    def _versioned(self, name: str, folder: Path, within: Path, version: str | None) -> Dataset:
        current = current_version(folder, within=within, dataset=name)
        wanted = current if version is None else version
        found = read_manifest(folder, wanted, within=within, dataset=name)
        if found is None:
            if wanted != current:
                raise VersionGoneError(wanted, current=current)
            raise not_whole(name)
        place, manifest = found
        stored = stored_parts(self.descriptions, place, manifest, within=within, dataset=name)
        return self._dataset(
            name, version=manifest.version, modified=manifest.published, stored=stored
        )

    def _dataset(
        self, name: str, *, version: str, modified: datetime, stored: Sequence[StoredFile]
    ) -> Dataset:
        return Dataset(
            tenant=self.tenant,
            name=name,
            version=version,
            modified=modified,
            private=True,
            columns=stored[0].columns,
            files=tuple(one.file for one in stored),
        )

    def _entry(self, name: str, sources: Sequence[Source]) -> DatasetEntry | None:
        """List a dataset, private until it is known not to be."""
        try:
            problem = self._obstacle(name, sources)
            if problem is None:
                return DatasetEntry.of(self._found(name, None))
        except UnknownDatasetError:
            # It went away between the listing and the look at it.
            return None
        except DatasetDamagedError as error:
            problem = error.reason
        except PenstockError as error:
            problem = error.detail
        return self._problem_entry(name, sources, problem)

    def _obstacle(self, name: str, sources: Sequence[Source]) -> str | None:
        source = self._only(name, sources)
        if not is_dataset_name(name):
            return unusable_name(name, file_name=source.shown)
        if _place(source) is None:
            if source.within is None:
                return f"what stands for “{source.shown}” is missing"
            return f"“{source.shown}” is a link that leads outside this folder, or nowhere"
        return None

    def _problem_entry(self, name: str, sources: Sequence[Source], problem: str) -> DatasetEntry:
        try:
            status = sources[0].path.lstat()
        except OSError:
            status = None
        return DatasetEntry(
            name=name,
            version="",
            modified=modified(status) if status else datetime.fromtimestamp(0, UTC),
            private=True,
            rows=0,
            size_bytes=status.st_size if status else 0,
            problem=problem,
        )


def _place(source: Source) -> Path | None:
    if source.within is None:
        return real_path(source.path)
    return settled(source.path, within=source.within)
