"""Rendering: templates into pages, and the headers that keep a page to itself."""

import base64
import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_SIZE_STEP = 1000
_SIZE_UNITS = ("kB", "MB", "GB", "TB", "PB")
_WHOLE_FROM = 9.95
"""From here on a size is written without a digit behind the point."""


def rendered(template: str, facts: Mapping[str, object]) -> bytes:
    """Fill a template; every value is escaped."""
    return _environment().get_template(template).render(facts).encode()


def page_headers() -> dict[str, str]:
    """Give what every page is sent with: one stylesheet, known by its hash, is all it may load."""
    return {
        "content-type": "text/html; charset=utf-8",
        "vary": "Accept",
        "content-security-policy": _policy(),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }


def grouped(number: int) -> str:
    """Write a number with commas between thousands."""
    return f"{number:,}"


def size(size_bytes: int) -> str:
    """Write a size in the largest unit that leaves at least one before the point."""
    if size_bytes < _SIZE_STEP:
        return "1 byte" if size_bytes == 1 else f"{size_bytes} bytes"
    # Rounded before the unit is chosen, so that no size is written as 1000 kB.
    power = min(int(math.log10(size_bytes)) // 3, len(_SIZE_UNITS))
    shown = size_bytes / _SIZE_STEP**power
    if round(shown) >= _SIZE_STEP and power < len(_SIZE_UNITS):
        power, shown = power + 1, 1.0
    digits = 0 if shown >= _WHOLE_FROM else 1
    return f"{shown:.{digits}f} {_SIZE_UNITS[power - 1]}"


def day(moment: datetime) -> str:
    """Write the day of a moment, in UTC: `3 May 2026`."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b} {moment.year}"


@cache
def _environment() -> Environment:
    loader = PackageLoader("penstock.web.pages")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"grouped": grouped, "size": size, "day": day}
    mark = loader.get_source(environment, "mark.svg")[0].strip()
    environment.globals |= {
        "style": Markup(_style()),  # noqa: S704 - the package's own stylesheet
        "mark": Markup(mark),  # noqa: S704 - the package's own drawing
        "icon": f"data:image/svg+xml,{quote(mark)}",
    }
    return environment


@cache
def _style() -> str:
    loader = PackageLoader("penstock.web.pages")
    return loader.get_source(Environment(autoescape=True), "style.css")[0]


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
