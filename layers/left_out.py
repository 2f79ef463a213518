"""What of its packages a layer leaves out: a list of patterns beside its requirements."""

import shutil
from collections.abc import Iterator
from pathlib import Path


class StalePatternError(Exception):
    """A pattern matches nothing: a package has changed, so the list must be read again."""


def leave_out(folder: Path, patterns: Path) -> None:
    """Remove from a folder what a list of patterns names.

    One glob a line, relative to the folder; a line that begins with `!` takes back what lines
    above it name; `#` begins a comment. The last line that names a path decides.

    Raises StalePatternError, before anything is removed, for a pattern that matches nothing.
    """
    named: set[Path] = set()
    stale: list[str] = []
    for line in lines(patterns):
        matched = set(folder.glob(line.removeprefix("!")))
        if not matched:
            stale.append(line)
        named = named - matched if line.startswith("!") else named | matched
    if stale:
        raise StalePatternError(f"{patterns}: nothing matches {', '.join(stale)}")
    for path in named:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def lines(listed: Path) -> Iterator[str]:
    """Give the lines of a list, without comments, which begin with `#`, and what is then empty."""
    for line in listed.read_text(encoding="utf-8").splitlines():
        said = line.partition("#")[0].strip()
        if said:
            yield said
