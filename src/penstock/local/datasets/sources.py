"""Sources: which files and folders of a folder give a dataset, and under which name.

`NAME.parquet` (or `.parq`, `.pq`, the extension in any case) gives one, and in a store so does the
folder `NAME` of reading/manifest.py. What begins with a dot is passed over.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.model.dataset import is_dataset_name, name_of_file
from penstock.reading.manifest import CURRENT
from penstock.reading.naming import gives_dataset
from penstock.reading.outage import outage

_PLAIN = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file or folder that gives a dataset; links must not lead outside `within`.

    `within` is None for a file of the service's own, wherever it is kept. `problem` says why a
    source can't be served at all.
    """

    file_name: str
    path: Path
    within: Path | None
    versioned: bool = False
    problem: str | None = None

    @property
    def name(self) -> str:
        """The dataset's name, which may be one that no dataset may have."""
        return self.file_name if self.versioned else name_of_file(self.file_name)

    @property
    def shown(self) -> str:
        """The file's name for people; bytes that aren't UTF-8 are written as escapes."""
        return self.file_name.encode("utf-8", "backslashreplace").decode()


def grouped(sources: Iterable[Source]) -> dict[str, list[Source]]:
    """Gather sources by the dataset name that they give, each group by file name."""
    found: dict[str, list[Source]] = {}
    for source in sorted(sources, key=lambda source: source.file_name):
        found.setdefault(source.name, []).append(source)
    return found


def sources_in(
    folder: Path, *, within: Path, with_versions: bool, wanted: str | None = None
) -> Iterator[Source]:
    """Yield the sources in a folder (a real path), in no order; none if there is no such folder.

    With `wanted`, those alone that give this name; names are compared with the folder's listing, so
    that they match by case on every file system.

    Raises BusyError if the folder can't be listed.
    """
    try:
        with os.scandir(folder) as listing:
            file_names = [entry.name for entry in listing]
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise outage() from error
    for file_name in file_names:
        if file_name.startswith(".") or (wanted is not None and _differs(file_name, wanted)):
            continue
        if gives_dataset(file_name):
            if wanted in (None, name_of_file(file_name)):
                yield Source(file_name=file_name, path=folder / file_name, within=within)
        elif with_versions and wanted in (None, file_name) and is_dataset_name(file_name):
            path = folder / file_name
            if _has_current(path):
                yield Source(file_name=file_name, path=path, within=within, versioned=True)


def _differs(file_name: str, wanted: str) -> bool:
    # Quick, and right for nearly all: a name of plain characters becomes a dataset's unchanged.
    beginning = file_name[: len(wanted)]
    return beginning != wanted and _PLAIN.fullmatch(beginning) is not None


def _has_current(path: Path) -> bool:
    current = path / CURRENT
    return current.is_symlink() or current.exists()
