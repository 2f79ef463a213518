"""Middleware: what comes before every route: the tenant, the asker, and the throttle."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

from anyio import to_thread
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.errors import (
    BadKeyError,
    MethodNotAllowedError,
    PenstockError,
    ScanCancelledError,
    UriTooLongError,
)
from penstock.errors.location import code_path
from penstock.web import pages
from penstock.web.answers import Answer, public_headers
from penstock.web.front.access_log import RequestRecord, record_of
from penstock.web.front.edge import believed
from penstock.web.front.identity import Asker, host_of, key_of
from penstock.web.front.throttle import Throttle
from penstock.web.problems import problem_answer
from penstock.web.resources import Resources
from penstock.web.sending.stream import BrokenStreamError, send_answer

_log = logging.getLogger("penstock.web")

_HEALTH = "/-/healthz"
_JOBS = "/v1/"
_SAFE = ("GET", "HEAD", "OPTIONS")
_ALLOWED = ", ".join(_SAFE)
_PREFLIGHT_HEADERS = {
    "allow": _ALLOWED,
    "access-control-allow-methods": _ALLOWED,
    "access-control-allow-headers": "X-Api-Key, Range, If-Range, If-None-Match, If-Modified-Since",
    "access-control-max-age": "86400",
}


def asker_of(request: Request) -> Asker:
    """Give the asker that the middleware found."""
    asker = request.scope["penstock.asker"]
    if not isinstance(asker, Asker):
        raise TypeError("a route was reached without its front")
    return asker


class Middleware:
    """An ASGI app around the routes, as the server's outermost layer.

    An error before the first byte becomes a problem; one after it ends the connection. WebSockets
    go to `sockets`, which has a middleware of its own.
    """

    def __init__(
        self, app: ASGIApp, resources: Resources, *, sockets: ASGIApp | None = None
    ) -> None:
        self._app = app
        self._sockets = app if sockets is None else sockets
        self._resources = resources
        self._throttle = Throttle(requests_per_minute=resources.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._sockets(scope, receive, send)
            return
        record = _record(scope)
        scope = believed(scope, trusted=self._resources.trusted_edge)
        scope["penstock.record"] = record
        sending = _Sending(send, record, scope, behind_edge=self._resources.trusted_edge)
        try:
            await self._answer(scope, receive, sending)
        except BrokenStreamError as error:
            # Returning without the end of the body makes the server drop the connection.
            record.problem = _why_broken(error)
        except asyncio.CancelledError:
            record.problem = record.problem or "stopped"
            raise
        except Exception as error:  # noqa: BLE001 - the outermost layer: logged, and answered
            _log.error("request failed: %s", code_path(error))
            if record.status == 0:
                await send_answer(self._problem(scope, None), scope, sending)
        finally:
            record.close()
            self._resources.keep(record)

    async def _answer(self, scope: Scope, receive: Receive, send: "_Sending") -> None:
        try:
            size = len(scope["raw_path"]) + len(scope["query_string"])
            if size > self._resources.url_bytes:
                raise UriTooLongError(limit=self._resources.url_bytes)
            if scope["path"] == _HEALTH:
                if scope["method"] not in _SAFE:
                    raise MethodNotAllowedError(scope["method"], allow=_ALLOWED)
                await send_answer(_healthy(), scope, send)
                return
            asker, send.more, refusal = await to_thread.run_sync(self._identify, scope)
            scope["penstock.asker"] = asker
            record_of(scope).tenant = asker.tenant.id
            record_of(scope).has_key = asker.key is not None
            if refusal is not None:
                raise refusal
        except PenstockError as error:
            await send_answer(self._problem(scope, error), scope, send)
            return
        if scope["method"] == "OPTIONS" and not self._is_own_pages(scope):
            headers = public_headers(private=False) | _PREFLIGHT_HEADERS
            await send_answer(Answer(status=204, headers=headers), scope, send)
            return
        await self._app(scope, receive, send)

    def _is_own_pages(self, scope: Scope) -> bool:
        """Whether a path is for pages of its own origin alone: jobs are begun and ended there."""
        return self._resources.jobs is not None and scope["path"].startswith(_JOBS)

    def _identify(self, scope: Scope) -> tuple[Asker, Mapping[str, str], PenstockError | None]:
        resources = self._resources
        headers = scope["headers"]
        host = host_of(headers, target_host=scope.get("penstock.target_host"))
        tenant = resources.ports.tenants.by_host(host)
        client = scope.get("client")
        asker = Asker(tenant=tenant, key=None, address=client[0] if client else "")
        try:
            key = key_of(
                headers,
                resources.ports.keys,
                tenant,
                # A browser sends a password it knows by itself, whoever's page made it ask.
                basic=resources.basic_keys and scope["method"] in _SAFE,
                now=resources.now(),
            )
        except BadKeyError as error:
            # Whoever tries keys out is counted by address.
            more, refusal = self._throttle.count(asker)
            return asker, more, refusal or error
        asker = replace(asker, key=key)
        return asker, *self._throttle.count(asker)

    def _problem(self, scope: Scope, error: PenstockError | None) -> Answer:
        request = Request(scope)
        answer = problem_answer(error, path=scope["path"])
        record_of(scope).problem = "internal" if error is None else error.code
        if isinstance(error, BadKeyError) and not self._resources.basic_keys:
            # A browser would ask for a password again and again, and it would not arrive.
            answer.headers["www-authenticate"] = "ApiKey"
        return pages.problem(answer, accept=request.headers.get("accept"))


class _Sending:
    """Passes messages to the server, adds the request's own headers, and keeps the record."""

    def __init__(
        self, send: Send, record: RequestRecord, scope: Scope, *, behind_edge: bool
    ) -> None:
        self._send = send
        self._record = record
        self._is_spelled_otherwise = scope["raw_path"] != scope["path"].encode()
        self._is_for_any_origin = not scope["path"].startswith(_JOBS)
        self._behind_edge = behind_edge
        self.more: Mapping[str, str] = {}

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": self._completed(message["headers"])}
        await self._send(message)
        self._record.saw(message)

    def _completed(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        if self._is_spelled_otherwise:
            # Whoever takes a path's answers out of caches knows one spelling of it.
            headers = [pair for pair in headers if pair[0] != b"cache-control"]
            headers.append((b"cache-control", b"no-store"))
        if not self._is_for_any_origin:
            headers = [pair for pair in headers if not pair[0].startswith(b"access-control-")]
        is_shared = any(
            name == b"cache-control" and value.startswith(b"public") for name, value in headers
        )
        if is_shared and self._behind_edge:
            # An edge would tell everybody what this client has left.
            return headers
        return headers + [(name.encode(), value.encode()) for name, value in self.more.items()]


def _why_broken(error: BrokenStreamError) -> str | None:
    """Name what ended a stream; None if its client did."""
    cause = error.__cause__
    if cause is None or isinstance(cause, ScanCancelledError):
        return None
    return cause.code if isinstance(cause, PenstockError) else "internal"


def _record(scope: Scope) -> RequestRecord:
    extensions = scope.get("extensions", {})
    return RequestRecord(
        method=scope["method"],
        path=scope["path"],
        request_id=extensions.get("penstock.request_id") or None,
        trace_id=extensions.get("penstock.trace_id") or None,
    )


def _healthy() -> Answer:
    return Answer(
        status=200,
        headers={"content-type": "application/json", "cache-control": "no-store"},
        body=b'{"status": "ok"}\n',
    )
