"""Which of a tenant's datasets are private: `{tenant}/private.txt`, one dataset's name a line.

Blank lines and lines that begin with `#` are skipped. Names are compared without case, so that a
slip there does not publish anything. A missing file makes nothing private. A file that can't be
read, or that has a line which is no dataset's name, makes everything private.
"""

from dataclasses import dataclass
from pathlib import Path

from penstock.errors import SetupError
from penstock.local.atomic import exclusive, replace_file
from penstock.local.stored import read_small
from penstock.model.dataset import is_dataset_name

FILE_NAME = "private.txt"

_MAX_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateNames:
    """The names that are private, in lower case; `everything` says that all are."""

    names: frozenset[str] = frozenset()
    everything: bool = False

    def __contains__(self, name: object) -> bool:
        return self.everything or (isinstance(name, str) and name.lower() in self.names)


def read_private(folder: Path) -> PrivateNames:
    """Read what is private in a tenant's folder (a real path)."""
    path = folder / FILE_NAME
    try:
        if not (path.is_symlink() or path.exists()):
            return PrivateNames()
        text = read_small(path, within=folder, max_bytes=_MAX_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return PrivateNames(everything=True)
    names = [line.strip() for line in text.splitlines()]
    names = [name for name in names if name and not name.startswith("#")]
    return PrivateNames(
        names=frozenset(name.lower() for name in names),
        everything=not all(is_dataset_name(name) for name in names),
    )


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
