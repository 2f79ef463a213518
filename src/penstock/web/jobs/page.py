"""The page of jobs: forms and a list that its script fills, once it was given a key."""

from urllib.parse import urlsplit

from penstock.web.answers import Answer
from penstock.web.front.identity import Asker, is_loopback
from penstock.web.jobs.api import JobsApi
from penstock.web.pages.rendering import page_headers, rendered


def jobs_page(api: JobsApi, asker: Asker) -> Answer:
    """Answer `/jobs`, the same for every asker: what is somebody's is fetched with a key.

    The key is typed into the page, which keeps it for as long as its tab is open. How to make one
    is told to whoever asks from the service's own machine.
    """
    origin = urlsplit(api.sockets_url)
    elsewhere = f" {origin.scheme}://{origin.netloc}" if origin.netloc else ""
    facts = {
        "title": asker.tenant.title or asker.tenant.id,
        "tenant": asker.tenant.id if is_loopback(asker.address) else None,
    }
    headers = page_headers(own="jobs", connects_to=f"'self'{elsewhere}")
    return Answer(
        status=200,
        headers=headers | {"cache-control": "no-cache"},
        body=rendered("jobs.html", facts, own="jobs"),
    )
