"""Templates: the engine that fills them, and how they write numbers, sizes and days.

The engine is imported with the first page: few answers are one, and each start would wait for it.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from jinja2 import Environment

_SIZE_STEP = 1000
_SIZE_UNITS = ("kB", "MB", "GB", "TB", "PB")
_WHOLE_FROM = 9.95
"""From here on a size is written without a digit behind the point."""


def filled(template: str, facts: Mapping[str, object], *, style: str, script: str) -> str:
    """Fill a template, with the package's own stylesheet and script; every value is escaped."""
    from markupsafe import Markup  # noqa: PLC0415 - with the first page

    safe_style = Markup(style)  # noqa: S704 - the package's own stylesheet
    safe_script = Markup(script)  # noqa: S704 - the package's own script
    return _environment().get_template(template).render(facts, style=safe_style, script=safe_script)


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
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - the same
    from markupsafe import Markup  # noqa: PLC0415 - the same

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
        "mark": Markup(mark),  # noqa: S704 - the package's own drawing
        "icon": f"data:image/svg+xml,{quote(mark)}",
    }
    return environment
