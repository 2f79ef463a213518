"""The root of the tree of errors, and how an error repeats and suggests words."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

SHOWN_CHARACTERS = 80
"""How much of a client's value an error repeats."""


class PenstockError(Exception):
    """Root of the tree: `code` is stable, `facts` are the attributes that a client may read."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts: Mapping[str, object] = {
            name: value for name, value in facts.items() if value is not None
        }


def suggesting(said: str, did_you_mean: Sequence[str]) -> str:
    """Add to a sentence what may have been meant, if anything."""
    return f"{said} Did you mean {' or '.join(did_you_mean)}?" if did_you_mean else said
