"""Responding: a request as what was asked, and an answer as the framework's response."""

from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from penstock.reading.engine import Allowance
from penstock.reading.result_names import EXPORTS
from penstock.web.answers import Answer, StreamedBody
from penstock.web.downloads.dataset_request import DatasetRequest
from penstock.web.front.access_log import record_of
from penstock.web.front.middleware import asker_of
from penstock.web.resources import Resources
from penstock.web.sending.stream import DisconnectWatch, send_answer

_PREPARING_AT_ONCE = 64


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


class RequestRunner:
    """Runs what makes an answer in a thread, for as long as the client stays.

    64 at once; more wait.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, request: Request, make: Callable[[Allowance], Answer]) -> Response:
        """Give the response; `make` is called with what it may cost, and raises what it raises."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(_PREPARING_AT_ONCE)
        allowance = Allowance(seconds=self._resources.query_seconds)
        departure = DisconnectWatch(request.receive, allowance.cancel)
        try:
            # When the service ends, nobody waits for the thread: its queries end with it.
            answer = await to_thread.run_sync(
                make, allowance, abandon_on_cancel=True, limiter=self._limiter
            )
        except BaseException:
            allowance.cancel()
            departure.close()
            raise
        note_what(request)
        return AnswerResponse(answer, resources=self._resources, departure=departure)


class AnswerResponse(Response):
    """An answer as the framework's response."""

    def __init__(
        self,
        answer: Answer,
        *,
        resources: Resources | None = None,
        departure: DisconnectWatch | None = None,
    ) -> None:
        super().__init__(status_code=answer.status)
        self._answer = answer
        self._resources = resources
        self._departure = departure

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,  # noqa: ARG002 - the departure receives
        send: Send,
    ) -> None:
        """Send it, and note in the record how many rows it held."""
        try:
            await send_answer(
                self._answer, scope, send, resources=self._resources, departure=self._departure
            )
        finally:
            if isinstance(self._answer.body, StreamedBody):
                record_of(scope).rows = self._answer.body.rows()
