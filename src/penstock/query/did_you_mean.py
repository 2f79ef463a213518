"""Did you mean: which known names lie near a mistyped one."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

MOST_NAMES = 2000
"""Names that are compared letter by letter: a mistake must not cost more than an answer."""

MOST_CHARACTERS = 80
"""A longer word is compared without its case and punctuation only."""


def near(word: str, names: Iterable[str], *, most: int = 3) -> list[str]:
    """Give the names nearest to `word`, the best first; case, `_` and `-` count as nothing."""
    known = list(dict.fromkeys(names))
    wanted = _folded(word)
    same = [name for name in known if name != word and wanted and _folded(name) == wanted]
    if same or not wanted or len(word) > MOST_CHARACTERS:
        return same[:most]
    folded: dict[str, str] = {}
    for name in known[:MOST_NAMES]:
        folded.setdefault(_folded(name), name)
    found = get_close_matches(wanted, folded, n=most, cutoff=0.75)
    return [folded[name] for name in found]


def _folded(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
