"""The app: which path is answered by what."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TypeAlias

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.errors import MethodNotAllowedError, PenstockError, UnknownPathError
from penstock.reading.engine import Allowance
from penstock.web import datasets, downloads, openapi, pages
from penstock.web.account import account_of
from penstock.web.answers import Answer, Streamed
from penstock.web.asked import Asked
from penstock.web.front import Front, asker_of
from penstock.web.problems import problem_answer
from penstock.web.resources import Resources
from penstock.web.stream import Departure, send_answer

_READ = ["GET", "HEAD"]
_ALLOWED = "GET, HEAD, OPTIONS"
_PREPARING_AT_ONCE = 64

_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def create_app(resources: Resources) -> ASGIApp:
    """Wire the app; no connection is made and nothing is read before its first request."""
    app = FastAPI(
        title="Penstock", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    _add_metadata(app, resources)
    _add_downloads(app, resources)
    _add_problems(app)
    return Front(app, resources)


def _add_metadata(app: FastAPI, resources: Resources) -> None:
    answering = _Answering(resources)

    async def home(request: Request) -> Response:
        asker = asker_of(request)
        if not pages.wants_html(request.headers.get("accept")):
            return await answering(request, lambda _: datasets.home(resources, asker))
        origin = f"{request.url.scheme}://{request.headers['host']}"
        return await answering(request, lambda _: pages.home(resources, asker, origin=origin))

    async def list_datasets(request: Request) -> Response:
        return await answering(request, lambda _: datasets.datasets(resources, asker_of(request)))

    async def describe_api(request: Request) -> Response:
        held = request.headers.get("if-none-match")
        return await answering(
            request, lambda _: openapi.answer(resources, asker_of(request), if_none_match=held)
        )

    async def receipt(request: Request) -> Response:
        receipt_id = request.path_params["receipt_id"]
        return await answering(
            request, lambda _: datasets.receipt(resources, asker_of(request), receipt_id)
        )

    async def schema(request: Request) -> Response:
        asked = _asked(request, extension="json")
        return await answering(request, lambda _: datasets.schema(resources, asked))

    async def stats(request: Request) -> Response:
        asked = _asked(request, extension="json")
        return await answering(
            request, lambda allowance: datasets.stats(resources, asked, allowance=allowance)
        )

    async def count(request: Request) -> Response:
        asked = _asked(request, extension="json")
        return await answering(
            request, lambda allowance: datasets.count(resources, asked, allowance=allowance)
        )

    _add_routes(
        app,
        {
            "/": home,
            "/-/datasets.json": list_datasets,
            "/-/openapi.json": describe_api,
            "/-/receipts/{receipt_id}": receipt,
            "/{dataset}/-/schema.json": schema,
            "/{dataset}/-/stats.json": stats,
            "/{dataset}/-/count.json": count,
        },
    )


def _add_downloads(app: FastAPI, resources: Resources) -> None:
    answering = _Answering(resources)

    async def get_slice(request: Request) -> Response:
        asked = _asked(request, extension=request.path_params["extension"])
        return await answering(
            request, lambda allowance: downloads.download(resources, asked, allowance=allowance)
        )

    _add_routes(app, {"/{dataset}.{extension}": get_slice})


def _add_routes(app: FastAPI, answers: Mapping[str, _Endpoint]) -> None:
    """Route paths whose parameters are all text.

    The framework's own way to take them apart by annotations would find nothing to check, and costs
    a tenth of a second at the start.
    """
    for path, endpoint in answers.items():
        app.add_route(path, endpoint, methods=_READ)


def _add_problems(app: FastAPI) -> None:
    """Say errors of every layer in one way."""

    @app.exception_handler(PenstockError)
    async def deliberate(request: Request, error: PenstockError) -> Response:
        return _Sent(_problem(request, error))

    @app.exception_handler(HTTPException)
    async def routing(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return _Sent(_problem(request, MethodNotAllowedError(request.method, allow=_ALLOWED)))
        return _Sent(_problem(request, UnknownPathError()))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, _: Exception) -> Response:
        # The framework raises it again once this is sent: the front logs it.
        return _Sent(_problem(request, None))


def _problem(request: Request, error: PenstockError | None) -> Answer:
    dataset = request.path_params.get("dataset")
    account = account_of(request.scope)
    account.problem = "internal" if error is None else error.code
    account.dataset, account.format = dataset, request.path_params.get("extension")
    columns_url = f"/{dataset}/-/schema.json" if dataset else None
    answer = problem_answer(error, path=request.url.path, columns_url=columns_url)
    return pages.problem(answer, accept=request.headers.get("accept"))


def _asked(request: Request, *, extension: str) -> Asked:
    return Asked(
        asker=asker_of(request),
        name=request.path_params["dataset"],
        extension=extension,
        query_string=request.scope["query_string"],
        headers=request.headers,
        is_head=request.method == "HEAD",
        is_http10=request.scope["http_version"] == "1.0",
        wire_bytes=request.scope.get("extensions", {}).get("penstock.wire_bytes"),
    )


class _Answering:
    """Runs what makes an answer in a thread, for as long as the client stays."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, request: Request, make: Callable[[Allowance], Answer]) -> Response:
        if self._limiter is None:
            self._limiter = CapacityLimiter(_PREPARING_AT_ONCE)
        allowance = Allowance(seconds=self._resources.query_seconds)
        departure = Departure(request.receive, allowance.cancel)
        try:
            # When the service ends, nobody waits for the thread: its queries end with it.
            answer = await to_thread.run_sync(
                make, allowance, abandon_on_cancel=True, limiter=self._limiter
            )
        except BaseException:
            allowance.cancel()
            departure.close()
            raise
        account = account_of(request.scope)
        account.dataset = request.path_params.get("dataset")
        account.format = request.path_params.get("extension")
        return _Sent(answer, resources=self._resources, departure=departure)


class _Sent(Response):
    """An answer as the framework's response."""

    def __init__(
        self,
        answer: Answer,
        *,
        resources: Resources | None = None,
        departure: Departure | None = None,
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
        try:
            await send_answer(
                self._answer, scope, send, resources=self._resources, departure=self._departure
            )
        finally:
            if isinstance(self._answer.body, Streamed):
                account_of(scope).rows = self._answer.body.rows()
