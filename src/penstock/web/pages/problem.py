"""The problem page: what went wrong, with the same facts as the JSON."""

import json
import re
from dataclasses import replace
from urllib.parse import quote

from penstock.web.answers import Answer
from penstock.web.pages.accept import wants_html
from penstock.web.pages.rendering import page_headers, rendered

_PROBLEM = "application/problem+json"
_LOCAL_PATH = re.compile(r"/(?!/)[A-Za-z0-9_./-]*")
_REST_OF_PATH = re.compile(r"(?:\.|/-/)[A-Za-z0-9_.-]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SHOWN_APART = frozenset(
    {
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "did_you_mean",
        "columns_url",
        "datasets_url",
        "export",
    }
)


def problem(answer: Answer, *, accept: str | None) -> Answer:
    """Give a problem as a page where a browser asks for one, else the answer as it is.

    Status and headers stay, but for those that a page has of its own.
    """
    if not isinstance(answer.body, bytes) or answer.headers.get("content-type") != _PROBLEM:
        return answer
    if not wants_html(accept):
        return answer
    described = json.loads(answer.body)
    suggestions = _suggestions(described)
    # The page shows suggestions as links: the sentence about them would say them twice.
    meant = f" Did you mean {' or '.join(name for name, _ in suggestions)}?"
    page = {
        "title": described["title"],
        "status": described["status"],
        "detail": described["detail"].removesuffix(meant),
        "type": described["type"],
        "instance": described.get("instance", ""),
        "facts": _facts(described),
        "suggestions": suggestions,
        "export_url": _export_url(described.get("export")),
        "columns_url": _local(described.get("columns_url")),
        "datasets_url": _local(described.get("datasets_url")),
    }
    vary = {"vary": answer.headers.get("vary", "Accept")}
    return replace(
        answer,
        headers=answer.headers | page_headers() | vary,
        body=rendered("problem.html", page),
    )


def _facts(described: dict[str, object]) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), _shown(fact))
        for name, fact in described.items()
        if name not in _SHOWN_APART
    ]


def _shown(fact: object) -> str:
    if isinstance(fact, list):
        return ", ".join(map(_shown, fact))
    if isinstance(fact, int) and not isinstance(fact, bool):
        return f"{fact:,}"
    return str(fact)


def _suggestions(described: dict[str, object]) -> list[tuple[str, str | None]]:
    """Give each name that may have been meant, with its URL where the name is a dataset's."""
    names = described.get("did_you_mean")
    if not isinstance(names, list):
        return []
    asked = described.get("dataset")
    rest = str(described.get("instance", "")).removeprefix(f"/{asked}")
    # Only a plain path goes on behind another name: the query isn't part of the instance.
    goes_on = _REST_OF_PATH.fullmatch(rest) is not None
    return [
        (name, f"/{name}{rest}" if asked and goes_on and _NAME.fullmatch(name) else None)
        for name in map(str, names)
    ]


def _export_url(export: object) -> str | None:
    """Give the page that begins an export, with what was offered filled in."""
    if not isinstance(export, dict):
        return None
    return f"/jobs#{quote(json.dumps(export['body'], ensure_ascii=False), safe='')}"


def _local(url: object) -> str | None:
    """Give a URL back if it is a plain path of this host."""
    return url if isinstance(url, str) and _LOCAL_PATH.fullmatch(url) else None
