"""Rendering: templates into pages, and the headers that keep a page to itself."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_TEMPLATES = Path(__file__).parent / "templates"


def rendered(template: str, facts: Mapping[str, object], *, own: str = "") -> bytes:
    """Fill a template; every value is escaped.

    A page with a style and a script of its `own` names the files that hold them (`jobs` for
    `jobs.css` and `jobs.js`).
    """
    # The engine behind it is loaded by the first page: programs ask for none.
    from penstock.web.pages.templates import filled  # noqa: PLC0415 - slow, see above

    return filled(template, facts, style=_style(own), script=_script(own)).encode()


def page_headers(*, own: str = "", connects_to: str = "") -> dict[str, str]:
    """Give what every page is sent with: one stylesheet, known by its hash, is all it may load.

    A page with a script of its `own`, known by its hash too, may talk to `connects_to` alone.
    """
    return {
        "content-type": "text/html; charset=utf-8",
        "vary": "Accept",
        "content-security-policy": _policy(own, connects_to),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }


@cache
def _style(own: str) -> str:
    shared = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    return shared + (_TEMPLATES / f"{own}.css").read_text(encoding="utf-8") if own else shared


@cache
def _script(own: str) -> str:
    return (_TEMPLATES / f"{own}.js").read_text(encoding="utf-8") if own else ""


@cache
def _policy(own: str, connects_to: str) -> str:
    script = ""
    if own:
        script = (
            f"script-src '{_hash(_script(own))}'; connect-src {connects_to}; "
            "require-trusted-types-for 'script'; trusted-types 'none'; "
        )
    return (
        f"default-src 'none'; style-src '{_hash(_style(own))}'; {script}img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
