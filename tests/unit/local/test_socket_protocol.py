"""Sockets of the embedded server: a client that takes nothing holds nothing for long."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from penstock.local.protocol import SocketProtocol, TargetAwareProtocol

PATIENCE_SECONDS = 30
PIECE = "x" * 65_536


class Watched(SocketProtocol):
    """The protocol, in a hurry, which says when a connection is lost."""

    farewell_seconds = 0.05
    lost = threading.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


async def sends_without_end(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    with suppress(TimeoutError):
        # Within this time a client that takes nothing has filled every buffer.
        async with asyncio.timeout(0.5):
            while True:
                await send({"type": "websocket.send", "text": PIECE})


async def refuses(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b"nothing", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b" here"})


@contextmanager
def serving(app: Any, *, ws: type[SocketProtocol]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app, http=TargetAwareProtocol, ws=ws, lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        run: Callable[..., None] = server.run
        thread = threading.Thread(target=run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def test_a_client_that_takes_nothing_is_dropped_once_the_app_is_done_with_it() -> None:
    Watched.lost.clear()
    head = (
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with (
        serving(sends_without_end, ws=Watched) as port,
        socket.create_connection(("127.0.0.1", port)) as idle,
    ):
        idle.sendall(head.encode())
        assert Watched.lost.wait(PATIENCE_SECONDS)


def test_a_refusal_arrives_whole_and_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    with (
        serving(refuses, ws=SocketProtocol) as port,
        pytest.raises(InvalidStatus) as raised,
        connect(f"ws://127.0.0.1:{port}/"),
    ):
        pass
    response = raised.value.response
    assert response.body is not None
    assert (response.status_code, bytes(response.body)) == (404, b"nothing here")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
