"""The protocols of the embedded server: HTTP with the host of a target, and sockets that end."""

import httptools
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class TargetAwareProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which also knows the host of `GET http://host/path`.

    uvicorn drops that host, so that a request for one tenant could carry another one's in its
    target (RFC 9112, section 3.2.2).
    """

    def on_headers_complete(self) -> None:
        """Put the target's host into the scope before the app sees it."""
        target = httptools.parse_url(self.url)
        if target.host is not None:
            port = f":{target.port}" if target.port else ""
            self.scope["penstock.target_host"] = f"{target.host.decode('latin-1')}{port}"  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSockets, which drop a client that doesn't take what it was sent.

    uvicorn waits for such a client to take the rest before it closes: for as long as it likes.
    """

    farewell_seconds = 5.0

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message; a refusal with a body of its own ends the handshake as well as any."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    async def run_asgi(self) -> None:
        """Run the app, and see to it that the connection ends with it."""
        await super().run_asgi()
        self._drop_soon()

    def keepalive_timeout(self) -> None:
        """End a connection whose client doesn't answer pings."""
        super().keepalive_timeout()
        self._drop_soon()

    def _drop_soon(self) -> None:
        self.loop.call_later(self.farewell_seconds, self.transport.abort)
