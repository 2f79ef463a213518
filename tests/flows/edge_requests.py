"""Requests as a function behind a trusted edge gets them: plain ASGI, with a bounded connection."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What an app sent; `whole` says whether it ended its body."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    @property
    def problem(self) -> dict[str, Any]:
        """The body as a problem."""
        said: dict[str, Any] = json.loads(self.body)
        return said


def ask(
    app: ASGIApp,
    target: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    wire_bytes: int | None = None,
    leaves_after: int | None = None,
) -> Answered:
    """Send one request, and gather its answer, up to so many messages of its body."""
    asked = _asked(app, target, method, headers, wire_bytes, leaves_after)
    return asyncio.run(asyncio.wait_for(asked, _SECONDS))


async def _asked(
    app: ASGIApp,
    target: str,
    method: str,
    headers: dict[str, str] | None,
    wire_bytes: int | None,
    leaves_after: int | None = None,
) -> Answered:
    path, _, query = target.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode()) for name, value in (headers or {}).items()
        ],
        "client": ("192.0.2.1", 0),
        "server": ("function.example", 443),
        "extensions": {"penstock.wire_bytes": wire_bytes},
    }
    asked = False
    gone = asyncio.Event()
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if gone.is_set():
            # A send that never waits would keep the app from hearing of it.
            await asyncio.sleep(0)
            return
        sent.append(message)
        if leaves_after is not None and len(sent) > leaves_after:
            gone.set()

    await app(scope, receive, send)
    start, *bodies = sent
    return Answered(
        status=start["status"],
        headers={name.decode(): value.decode() for name, value in start["headers"]},
        body=b"".join(message.get("body", b"") for message in bodies),
        whole=bool(bodies) and not bodies[-1].get("more_body", False),
    )
