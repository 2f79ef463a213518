"""Socket middleware: which tenant a socket is for, and how it is refused before it is open."""

import asyncio
import logging

from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from penstock.errors import PenstockError, UnknownPathError, UriTooLongError
from penstock.errors.location import code_path
from penstock.model.tenant import Tenant
from penstock.web.front.access_log import RequestRecord
from penstock.web.front.edge import believed
from penstock.web.front.identity import Asker, host_of
from penstock.web.front.throttle import Throttle
from penstock.web.jobs.api import SOCKETS_URL
from penstock.web.jobs.sockets import Sockets
from penstock.web.problems import problem_answer
from penstock.web.resources import Resources

_OPEN = 101
_DENIAL = "websocket.http.response"

_log = logging.getLogger("penstock.web")


class SocketMiddleware:
    """An ASGI app of WebSockets alone; a refusal is a problem, as for other requests."""

    def __init__(self, sockets: Sockets, resources: Resources) -> None:
        self._sockets = sockets
        self._resources = resources
        self._throttle = Throttle(requests_per_minute=resources.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one socket."""
        record = RequestRecord(method="WEBSOCKET", path=scope["path"])

        async def sending(message: Message) -> None:
            await send(message)
            if message["type"] == "websocket.accept":
                record.status = _OPEN
                record.is_whole = True

        seen = believed(scope, trusted=self._resources.trusted_edge)
        try:
            seen["penstock.tenant"] = await self._tenant(seen, record)
            await self._sockets(WebSocket(seen, receive, sending))
        except WebSocketDisconnect:
            # It left before it was open.
            record.problem = record.problem or "left"
        except asyncio.CancelledError:
            record.problem = record.problem or "stopped"
            raise
        except PenstockError as error:
            await self._refuse(error, seen, record, send)
        except Exception as error:  # noqa: BLE001 - the outermost layer: logged, and answered
            _log.error("socket failed: %s", code_path(error))
            await self._refuse(None, seen, record, send)
        finally:
            record.close()
            self._resources.keep(record)

    async def _tenant(self, scope: Scope, record: RequestRecord) -> Tenant:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        if size > self._resources.url_bytes:
            raise UriTooLongError(limit=self._resources.url_bytes)
        host = host_of(scope["headers"], target_host=None)
        tenant = await asyncio.to_thread(self._resources.ports.tenants.by_host, host)
        record.tenant = tenant.id
        client = scope.get("client")
        asker = Asker(tenant=tenant, key=None, address=client[0] if client else "")
        _, refusal = self._throttle.count(asker)
        if refusal is not None:
            raise refusal
        if scope["path"] != SOCKETS_URL:
            raise UnknownPathError
        return tenant

    async def _refuse(
        self, error: PenstockError | None, scope: Scope, record: RequestRecord, send: Send
    ) -> None:
        record.problem = "internal" if error is None else error.code
        if record.status == _OPEN:
            await send({"type": "websocket.close", "code": 1011})
            return
        answer = problem_answer(error, path=scope["path"])
        record.status = answer.status
        record.is_whole = True
        if _DENIAL not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = [
            (name.encode(), value.encode("latin-1"))
            for name, value in answer.headers.items()
            if not name.startswith("access-control-")
        ]
        body = answer.body if isinstance(answer.body, bytes) else b""
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": f"{_DENIAL}.start", "status": answer.status, "headers": headers})
        await send({"type": f"{_DENIAL}.body", "body": body})
