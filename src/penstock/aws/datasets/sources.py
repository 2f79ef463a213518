"""Sources: which objects and folders of a bucket give a dataset, and under which name."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice

from penstock.aws.services.bucket import Bucket, ObjectHead, Page
from penstock.model.dataset import is_dataset_name, name_of_file
from penstock.reading.manifest import CURRENT
from penstock.reading.naming import gives_dataset

_PAGES_OF_ALIKE = 2
"""Two thousand objects whose names begin alike: where there are more, what isn't named like its
dataset letter by letter is not looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One object, or one folder of versions (`stored` is None), that gives a dataset."""

    file_name: str
    key: str
    stored: ObjectHead | None

    @property
    def name(self) -> str:
        """The dataset's name, which may be one that no dataset may have."""
        return self.file_name if self.stored is None else name_of_file(self.file_name)


def all_sources(bucket: Bucket, folder: str) -> dict[str, list[Source]]:
    """List the sources of a folder (a key's beginning, with its `/`) by name; none is looked at.

    What looks like a folder of versions may be none. Raises BusyError.
    """
    return _grouped(source for page in bucket.pages(folder) for source in _of_page(page, folder))


def sources_named(bucket: Bucket, folder: str, name: str, threads: Executor) -> list[Source]:
    """Find what gives this dataset, by file name, in the time of one request, seldom two.

    Objects named `{name}.…` and versions in `{name}/` are always found. Another character may stand
    where a name has `-`: such objects are found as long as few share the beginning of the name.
    Raises BusyError.
    """
    versions = Source(file_name=name, key=f"{folder}{name}/", stored=None)
    has_versions = threads.submit(is_versioned, bucket, versions)
    beginning = name.partition("-")[0]
    alike = None
    if beginning != name:
        alike = threads.submit(_alike, bucket, f"{folder}{beginning}")
    pages = list(bucket.pages(f"{folder}{name}."))
    if alike is not None:
        pages += alike.result()
    found = {
        source.key: source
        for page in pages
        for source in _of_page(page, folder)
        if source.stored is not None and source.name == name
    }
    if has_versions.result():
        found[versions.key] = versions
    return _grouped(found.values()).get(name, [])


def is_versioned(bucket: Bucket, source: Source) -> bool:
    """Whether a folder has versions; one request. Raises BusyError."""
    return bucket.look(f"{source.key}{CURRENT}") is not None


def _alike(bucket: Bucket, prefix: str) -> list[Page]:
    return list(islice(bucket.pages(prefix), _PAGES_OF_ALIKE))


def _of_page(page: Page, folder: str) -> Iterator[Source]:
    for stored in page.objects:
        file_name = stored.object.key.removeprefix(folder)
        if gives_dataset(file_name):
            yield Source(file_name=file_name, key=stored.object.key, stored=stored)
    for key in page.folders:
        file_name = key.removeprefix(folder).removesuffix("/")
        if is_dataset_name(file_name):
            yield Source(file_name=file_name, key=key, stored=None)


def _grouped(sources: Iterable[Source]) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = {}
    for source in sorted(sources, key=lambda source: source.file_name):
        found.setdefault(source.name, []).append(source)
    return found
