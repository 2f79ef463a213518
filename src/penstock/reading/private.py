"""Which of a tenant's datasets are private: `{tenant}/private.txt`, one dataset's name a line.

Blank lines and lines that begin with `#` are skipped. Names are compared without case, so that a
slip there does not publish anything. A missing file makes nothing private. A file that can't be
read, or that has a line which is no dataset's name, makes everything private.
"""

from dataclasses import dataclass

from penstock.model.dataset import is_dataset_name

FILE_NAME = "private.txt"
MAX_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateNames:
    """The names that are private, in lower case; `everything` says that all are."""

    names: frozenset[str] = frozenset()
    everything: bool = False

    def __contains__(self, name: object) -> bool:
        return self.everything or (isinstance(name, str) and name.lower() in self.names)


NOTHING = PrivateNames()
EVERYTHING = PrivateNames(everything=True)


def parse_private(content: bytes) -> PrivateNames:
    """Read what a file says is private."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return EVERYTHING
    names = [line.strip() for line in lines]
    names = [name for name in names if name and not name.startswith("#")]
    return PrivateNames(
        names=frozenset(name.lower() for name in names),
        everything=not all(is_dataset_name(name) for name in names),
    )
