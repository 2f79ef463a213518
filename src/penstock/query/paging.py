"""Paging: `_limit`, `_offset` and `_cursor` into a page."""

import re
from collections.abc import Mapping

from penstock.errors import BadValueError, ConflictingParametersError
from penstock.model.slice import Page
from penstock.query.cursor import CursorCodec

MOST_ROWS = 2**63 - 1
"""The engine counts rows in 64 bits."""

_DIGITS = re.compile(r"[0-9]{1,19}")


def page_of(
    controls: Mapping[str, str],
    *,
    default_limit: int | None,
    cursor: CursorCodec,
    canonical_without_page: str,
) -> tuple[Page, tuple[tuple[str, str], ...]]:
    """Read which rows are wanted, and the canonical pairs of that; a limit of 0 asks for no rows.

    Raises BadValueError, ConflictingParametersError for `_cursor` beside `_offset`,
    BadCursorError and CursorGoneError.
    """
    limit = _rows(controls, "_limit")
    if limit is None:
        limit = default_limit
    offset = _rows(controls, "_offset") or 0
    after = None
    if "_cursor" in controls:
        if "_offset" in controls:
            raise ConflictingParametersError(
                "_cursor", "_offset", "a cursor already says where to go on."
            )
        after = cursor.decode(controls["_cursor"], canonical_without_page=canonical_without_page)
    pairs = []
    if limit is not None:
        pairs.append(("_limit", str(limit)))
    if offset:
        pairs.append(("_offset", str(offset)))
    if after is not None:
        pairs.append(("_cursor", controls["_cursor"]))
    return Page(limit=limit, offset=offset, after=after), tuple(pairs)


def _rows(controls: Mapping[str, str], name: str) -> int | None:
    text = controls.get(name)
    if text is None:
        return None
    if not _DIGITS.fullmatch(text) or int(text) > MOST_ROWS:
        raise BadValueError(
            name, text, expected=f"a whole number from 0 to {MOST_ROWS}", example=f"{name}=100"
        )
    return int(text)
