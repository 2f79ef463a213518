"""Rendering: templates into pages, and the headers that keep a page to itself."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path


def rendered(template: str, facts: Mapping[str, object]) -> bytes:
    """Fill a template; every value is escaped."""
    # The engine behind it is loaded by the first page: programs ask for none.
    from penstock.web.pages.templates import filled  # noqa: PLC0415 - slow, see above

    return filled(template, facts, style=_style()).encode()


def page_headers() -> dict[str, str]:
    """Give what every page is sent with: one stylesheet, known by its hash, is all it may load."""
    return {
        "content-type": "text/html; charset=utf-8",
        "vary": "Accept",
        "content-security-policy": _policy(),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }


@cache
def _style() -> str:
    return (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
