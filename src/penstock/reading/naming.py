"""Naming: which file names give a dataset, and what is said of those that can't."""

from collections.abc import Iterable

from penstock.errors import DatasetDamagedError

EXTENSIONS = (".parquet", ".parq", ".pq")
"""In any case; what begins with a dot is passed over."""


def gives_dataset(file_name: str) -> bool:
    """Whether a file of this name is taken for a dataset."""
    return not file_name.startswith(".") and file_name.lower().endswith(EXTENSIONS)


def same_name(name: str, file_names: Iterable[str]) -> DatasetDamagedError:
    """Give the error of files that give one dataset name."""
    shown = " and ".join(f"“{file_name}”" for file_name in file_names)
    return DatasetDamagedError(
        name, reason=f"{shown} give the same dataset name: rename all but one"
    )


def unusable_name(name: str, *, file_name: str) -> str:
    """Say what is wrong with a file that gives a name which no dataset may have."""
    return (
        f"“{file_name}” would give the dataset name “{name}”, which is reserved, too long, or "
        "begins with - or _: rename the file"
    )


def unusable_location(location: str, *, dataset: str) -> DatasetDamagedError | None:
    """Give the error of a place that the engine would take for a pattern of several."""
    if any(character in location for character in "*?["):
        return DatasetDamagedError(
            dataset, reason="its path holds one of * ? [ and can't be used: rename it"
        )
    return None
