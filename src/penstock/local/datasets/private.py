"""Which of a tenant's datasets are private, in a folder (reading/private.py says how)."""

from pathlib import Path

from penstock.errors import SetupError
from penstock.local.atomic import exclusive, replace_file
from penstock.local.datasets.stored import read_small
from penstock.reading.private import (
    EVERYTHING,
    FILE_NAME,
    MAX_BYTES,
    NOTHING,
    PrivateNames,
    parse_private,
)


def read_private(folder: Path) -> PrivateNames:
    """Read what is private in a tenant's folder (a real path)."""
    path = folder / FILE_NAME
    try:
        if not (path.is_symlink() or path.exists()):
            return NOTHING
        return parse_private(read_small(path, within=folder, max_bytes=MAX_BYTES))
    except OSError:
        return EVERYTHING


def set_private(folder: Path, *, dataset: str, private: bool) -> None:
    """Make one dataset of a tenant's folder private, or public; comments in the file stay.

    Raises SetupError if the file can't be read or written.
    """
    path = folder / FILE_NAME
    with exclusive(folder / f"{FILE_NAME}.lock"):
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{path} can't be read: {error}.") from error
        lines = [line for line in lines if line.strip().lower() != dataset.lower()]
        if private:
            lines.append(dataset)
        replace_file(path, "".join(f"{line}\n" for line in lines).encode(), mode=0o644)
