"""Request facts: what a framework's request says, in the service's own words."""

from starlette.requests import Request

from penstock.reading.result_names import EXPORTS
from penstock.web.downloads.dataset_request import DatasetRequest
from penstock.web.front.access_log import record_of
from penstock.web.front.middleware import asker_of


def dataset_name(request: Request) -> str | None:
    """Name the dataset that a path is about: a stored one, or the result of an export."""
    job_id = request.path_params.get("job_id")
    return f"{EXPORTS}/{job_id}" if job_id else request.path_params.get("dataset")


def origin_of(request: Request) -> str:
    """Give what a request was asked under (`https://data.acme.example`), as its client knows it."""
    return f"{request.url.scheme}://{request.headers['host']}"


def note_what(request: Request) -> None:
    """Note which dataset and format were asked for; all results of exports count as one dataset."""
    record = record_of(request.scope)
    known = request.path_params
    record.dataset = EXPORTS if "job_id" in known else known.get("dataset")
    record.format = known.get("extension")


def dataset_request_of(request: Request, *, extension: str = "") -> DatasetRequest:
    """Give a request's facts; the format is the path's own if none is given."""
    return DatasetRequest(
        asker=asker_of(request),
        name=dataset_name(request) or "",
        job_id=request.path_params.get("job_id"),
        extension=extension or request.path_params.get("extension", ""),
        query_string=request.scope["query_string"],
        headers=request.headers,
        is_head=request.method == "HEAD",
        is_http10=request.scope["http_version"] == "1.0",
        wire_bytes=request.scope.get("extensions", {}).get("penstock.wire_bytes"),
    )
