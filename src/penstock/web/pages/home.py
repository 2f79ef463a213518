"""The home page: a tenant's datasets, and how to take a slice of one."""

from penstock import formats
from penstock.web.answers import Answer
from penstock.web.datasets import visible_entries
from penstock.web.front.identity import Asker
from penstock.web.pages.example import example_of
from penstock.web.pages.rendering import page_headers, rendered
from penstock.web.resources import Resources

_CACHED = "public, max-age=60"
"""For browsers: at one URL stands the same list as JSON, which not every edge tells apart."""


def home(resources: Resources, asker: Asker, *, origin: str | None = None) -> Answer:
    """Answer `/` with a page of the datasets that this asker may see, the damaged ones included.

    `origin` (`http://localhost:8000`) is what the page was asked under, for the lines to copy; by
    default it is the tenant's first host. Reads the first rows of one dataset, for a filter that
    has an answer, unless queries wait.
    """
    entries = visible_entries(resources, asker)
    readable = [entry for entry in entries if entry.problem is None]
    facts = {
        "title": asker.tenant.title or asker.tenant.id,
        "asker": asker.key.user if asker.key else None,
        "entries": entries,
        "rows": sum(entry.rows for entry in readable),
        "size_bytes": sum(entry.size_bytes for entry in readable),
        "formats": list(formats.all_formats().values()),
        "example": example_of(resources, asker.tenant, readable),
        "offers_exports": resources.offers_exports,
        "origin": origin or _usual_origin(asker),
    }
    cached = {"cache-control": "private, no-store" if asker.key else _CACHED}
    return Answer(status=200, headers=page_headers() | cached, body=rendered("home.html", facts))


def _usual_origin(asker: Asker) -> str:
    return f"https://{asker.tenant.hosts[0]}" if asker.tenant.hosts else ""
