"""Routes of the API of jobs: which path takes which method, and what answers it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from penstock.reading.result_names import EXPORTS
from penstock.web.answers import Answer
from penstock.web.front.middleware import asker_of
from penstock.web.jobs import endpoints
from penstock.web.jobs.api import JobsApi
from penstock.web.jobs.export_request import idempotency_key, wanted_export
from penstock.web.jobs.page import jobs_page
from penstock.web.jobs.requests import after_seq, listed_jobs, read_body
from penstock.web.jobs.results import result, stored_file
from penstock.web.jobs.sockets import new_ticket
from penstock.web.jobs.visitor_limit import VisitorLimit
from penstock.web.request_facts import dataset_request_of, origin_of
from penstock.web.resources import Resources
from penstock.web.responding import AnswerResponse, RequestRunner

_AT_ONCE = 32

_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def add_job_routes(app: Starlette, resources: Resources, api: JobsApi) -> None:
    """Have an app take jobs, tell of them, and give their files."""
    _add_exports(app, resources, api)
    _add_jobs(app, resources, api)
    _add_files(app, resources, api)


def _add_exports(app: Starlette, resources: Resources, api: JobsApi) -> None:
    turns, working = VisitorLimit(), _Working()

    async def begin(request: Request) -> Response:
        content = await read_body(request)
        key = idempotency_key(request)
        return await working(
            lambda: endpoints.begin_export(
                resources,
                api,
                turns,
                asker_of(request),
                wanted_export(content),
                idempotency_key=key,
            )
        )

    async def types(request: Request) -> Response:
        return await working(lambda: endpoints.export_types(asker_of(request)))

    async def ticket(request: Request) -> Response:
        return await working(lambda: new_ticket(api, asker_of(request)))

    _add(app, "/v1/exports", {"POST": begin})
    _add(app, "/v1/exports/types", {"GET": types})
    _add(app, "/v1/events/tickets", {"POST": ticket})


def _add_jobs(app: Starlette, resources: Resources, api: JobsApi) -> None:
    working = _Working()

    async def listed(request: Request) -> Response:
        wanted = listed_jobs(request.scope["query_string"])
        return await working(lambda: endpoints.list_jobs(api, asker_of(request), wanted))

    async def one(request: Request) -> Response:
        held = request.headers.get("if-none-match")
        return await working(
            lambda: endpoints.one_job(api, asker_of(request), _id(request), if_none_match=held)
        )

    async def discard(request: Request) -> Response:
        return await working(
            lambda: endpoints.discard(resources, api, asker_of(request), _id(request))
        )

    async def events(request: Request) -> Response:
        seq = after_seq(request.scope["query_string"])
        return await working(
            lambda: endpoints.events(api, asker_of(request), _id(request), after_seq=seq)
        )

    async def results(request: Request) -> Response:
        origin = origin_of(request)
        return await working(
            lambda: result(resources, api, asker_of(request), _id(request), origin=origin)
        )

    async def cancel(request: Request) -> Response:
        return await working(
            lambda: endpoints.cancel(resources, api, asker_of(request), _id(request))
        )

    _add(app, "/v1/jobs", {"GET": listed})
    _add(app, "/v1/jobs/{id}", {"GET": one, "DELETE": discard})
    _add(app, "/v1/jobs/{id}/events", {"GET": events})
    _add(app, "/v1/jobs/{id}/result", {"GET": results})
    _add(app, "/v1/jobs/{id}/cancel", {"POST": cancel})


def _add_files(app: Starlette, resources: Resources, api: JobsApi) -> None:
    answering, working = RequestRunner(resources), _Working()

    async def file(request: Request) -> Response:
        asked = dataset_request_of(request)
        shown = f"{request.path_params['file']}.{asked.extension}"
        return await answering(
            request,
            lambda allowance: stored_file(resources, api, asked, shown, allowance=allowance),
        )

    async def page(request: Request) -> Response:
        return await working(lambda: jobs_page(api, asker_of(request)))

    _add(app, f"/{EXPORTS}/{{job_id}}/-/{{file}}.{{extension}}", {"GET": file})
    _add(app, "/jobs", {"GET": page})


def _add(app: Starlette, path: str, answers: Mapping[str, _Endpoint]) -> None:
    """Route a path: HEAD goes with GET, and OPTIONS tells what there is, to its own pages alone."""
    methods = {*answers, "OPTIONS", *(["HEAD"] if "GET" in answers else [])}
    allow = {"allow": ", ".join(sorted(methods)), "cache-control": "no-store"}

    async def endpoint(request: Request) -> Response:
        if request.method == "OPTIONS":
            return AnswerResponse(Answer(status=204, headers=allow))
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    app.add_route(path, endpoint, methods=sorted(methods))


def _id(request: Request) -> str:
    return str(request.path_params["id"])


class _Working:
    """Runs calls in threads, each to its end: what was begun for a client that left is finished."""

    def __init__(self) -> None:
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, make: Callable[[], Answer]) -> Response:
        if self._limiter is None:
            self._limiter = CapacityLimiter(_AT_ONCE)
        return AnswerResponse(await to_thread.run_sync(make, limiter=self._limiter))
