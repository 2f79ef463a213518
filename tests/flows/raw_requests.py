"""Requests as bytes on a socket, for what no client library would send."""

import http.client
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """What came back; header names are lower-case, repeated ones stay apart."""

    status: int
    version: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool
    """Whether the body came to its end by the rules of HTTP."""

    def header(self, name: str) -> str | None:
        """Give the only header of this name; None if there is none."""
        found = [value for each, value in self.headers if each == name]
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None


def ask_raw(port: int, request: bytes, *, seconds: float = 20) -> RawAnswer | None:
    """Send bytes and read one answer; None if the connection ends without one.

    Raises TimeoutError where the server neither answers nor hangs up.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
        except (http.client.BadStatusLine, ConnectionResetError):
            return None
        try:
            body, whole = answer.read(), True
        except http.client.IncompleteRead as error:
            body, whole = error.partial, False
        headers = tuple((name.lower(), value) for name, value in answer.getheaders())
        return RawAnswer(
            status=answer.status, version=answer.version, headers=headers, body=body, whole=whole
        )


def get_raw(
    port: int, target: bytes, *, host: bytes = b"localhost", headers: bytes = b""
) -> RawAnswer | None:
    """Ask for a target that is sent as it stands; `headers` are whole lines."""
    lines = b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + headers
    return ask_raw(port, lines + b"Connection: close\r\n\r\n")


def everything_sent_back(
    port: int, request: bytes, *, half_close: bool = False, seconds: float = 20
) -> bytes:
    """Send bytes and read until the server hangs up, as it does for `Connection: close`.

    With `half_close` the server is told that nothing more comes, and needs not wait for it.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while True:
            try:
                piece = connection.recv(65_536)
            except ConnectionResetError:
                return received
            if not piece:
                return received
            received += piece
