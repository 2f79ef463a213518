"""Routes: which path is answered by what, and how an error of every layer is said."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from penstock.errors import (
    MethodNotAllowedError,
    PenstockError,
    TooLargeError,
    UnknownPathError,
)
from penstock.reading.result_names import EXPORTS
from penstock.web import datasets, openapi, pages
from penstock.web.answers import Answer
from penstock.web.downloads import download as downloads
from penstock.web.downloads.export_offer import offer_export
from penstock.web.front.access_log import record_of
from penstock.web.front.middleware import asker_of
from penstock.web.problems import problem_answer
from penstock.web.request_facts import (
    dataset_name,
    dataset_request_of,
    note_what,
    origin_of,
)
from penstock.web.resources import Resources
from penstock.web.responding import AnswerResponse, RequestRunner

_READ = ["GET", "HEAD"]

_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def add_routes(app: Starlette, resources: Resources) -> None:
    """Have an app, still without its middleware, answer for datasets and say problems."""
    _add_metadata(app, resources)
    _add_downloads(app, resources)
    _add_problems(app, resources)


def _add_metadata(app: Starlette, resources: Resources) -> None:
    answered = RequestRunner(resources)

    async def home(request: Request) -> Response:
        asker = asker_of(request)
        if not pages.wants_html(request.headers.get("accept")):
            return await answered(request, lambda _: datasets.home(resources, asker))
        origin = origin_of(request)
        return await answered(request, lambda _: pages.home(resources, asker, origin=origin))

    async def list_datasets(request: Request) -> Response:
        return await answered(request, lambda _: datasets.datasets(resources, asker_of(request)))

    async def describe_api(request: Request) -> Response:
        held = request.headers.get("if-none-match")
        return await answered(
            request, lambda _: openapi.answer(resources, asker_of(request), if_none_match=held)
        )

    async def receipt(request: Request) -> Response:
        receipt_id = request.path_params["receipt_id"]
        return await answered(
            request, lambda _: datasets.receipt(resources, asker_of(request), receipt_id)
        )

    async def schema(request: Request) -> Response:
        wanted = dataset_request_of(request, extension="json")
        return await answered(request, lambda _: datasets.schema(resources, wanted))

    async def stats(request: Request) -> Response:
        wanted = dataset_request_of(request, extension="json")
        return await answered(
            request, lambda allowance: datasets.stats(resources, wanted, allowance=allowance)
        )

    async def count(request: Request) -> Response:
        wanted = dataset_request_of(request, extension="json")
        return await answered(
            request, lambda allowance: datasets.count(resources, wanted, allowance=allowance)
        )

    _add(
        app,
        {
            "/": home,
            "/-/datasets.json": list_datasets,
            "/-/openapi.json": describe_api,
            "/-/receipts/{receipt_id}": receipt,
            "/{dataset}/-/schema.json": schema,
            "/{dataset}/-/stats.json": stats,
            "/{dataset}/-/count.json": count,
            f"/{EXPORTS}/{{job_id}}/-/schema.json": schema,
            f"/{EXPORTS}/{{job_id}}/-/stats.json": stats,
            f"/{EXPORTS}/{{job_id}}/-/count.json": count,
        },
    )


def _add_downloads(app: Starlette, resources: Resources) -> None:
    answered = RequestRunner(resources)

    async def get_slice(request: Request) -> Response:
        wanted = dataset_request_of(request, extension=request.path_params["extension"])
        return await answered(
            request, lambda allowance: downloads.download(resources, wanted, allowance=allowance)
        )

    _add(
        app,
        {
            "/{dataset}.{extension}": get_slice,
            f"/{EXPORTS}/{{job_id}}.{{extension}}": get_slice,
        },
    )


def _add(app: Starlette, answers: Mapping[str, _Endpoint]) -> None:
    """Route paths whose parameters are all text: there is nothing in them to check."""
    for path, endpoint in answers.items():
        app.add_route(path, endpoint, methods=_READ)


def _add_problems(app: Starlette, resources: Resources) -> None:
    """Say errors of every layer in one way."""

    async def deliberate(request: Request, error: Exception) -> Response:
        if isinstance(error, TooLargeError) and "extension" in request.path_params:
            offer_export(error, resources, dataset_request_of(request))
        return AnswerResponse(
            _problem(request, error if isinstance(error, PenstockError) else None)
        )

    async def routing(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else None
        if isinstance(error, HTTPException) and status == HTTPStatus.METHOD_NOT_ALLOWED:
            served = {"OPTIONS", *(error.headers or {}).get("Allow", "").split(", ")}
            allow = ", ".join(sorted(served - {""}))
            return AnswerResponse(
                _problem(request, MethodNotAllowedError(request.method, allow=allow))
            )
        return AnswerResponse(_problem(request, UnknownPathError()))

    async def unforeseen(request: Request, _: Exception) -> Response:
        # The framework raises it again once this is sent: the middleware logs it.
        return AnswerResponse(_problem(request, None))

    app.add_exception_handler(PenstockError, deliberate)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(Exception, unforeseen)


def _problem(request: Request, error: PenstockError | None) -> Answer:
    record = record_of(request.scope)
    record.problem = "internal" if error is None else error.code
    note_what(request)
    dataset = dataset_name(request)
    columns_url = f"/{dataset}/-/schema.json" if dataset else None
    answer = problem_answer(error, path=request.url.path, columns_url=columns_url)
    return pages.problem(answer, accept=request.headers.get("accept"))
