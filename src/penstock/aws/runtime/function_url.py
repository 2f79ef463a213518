"""A Function URL's payloads: events as ASGI scopes, starts as preludes, and how much fits.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html describes the events.
"""

import base64
import json
import re
from typing import Any
from urllib.parse import unquote

from starlette.types import Message, Scope

PRELUDE_ENDS = b"\0" * 8
"""Between the prelude and the body."""

MOST_BYTES = 200_000_000
BURST_BYTES = 6_000_000
BYTES_A_SECOND = 2_000_000
"""A streamed response: 200 MB, at full speed for 6 MB and at 2 MB/s from there on.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html and
gettingstarted-limits.html. An MB is read as a million bytes, the smaller one.
"""

_MARGIN_SECONDS = 2
_PORT = re.compile(r"[0-9]{1,5}")


def wire_bytes(seconds_left: float) -> int:
    """How much one response may hold on the wire, if it is to end before the function has to."""
    paced_seconds = max(0.0, seconds_left - _MARGIN_SECONDS)
    return min(MOST_BYTES, BURST_BYTES + int(BYTES_A_SECOND * paced_seconds))


def extensions_of(*, most_bytes: int, request_id: str, trace_id: str) -> dict[str, Any]:
    """Tell the app of one invocation: how much its response may hold on the wire, and its names."""
    return {
        "penstock.wire_bytes": most_bytes,
        "penstock.request_id": request_id,
        "penstock.trace_id": trace_id,
    }


def scope_of(event: dict[str, Any]) -> Scope:
    """Read an event (payload 2.0) as an ASGI scope.

    The query and the path are those that the client sent, byte by byte: a Function URL leaves them
    as they are. A port that a client made up is none.

    Raises KeyError where the event is no request.
    """
    http = event["requestContext"]["http"]
    raw_path = str(event["rawPath"])
    headers = {str(name).lower(): str(value) for name, value in event.get("headers", {}).items()}
    if event.get("cookies"):
        headers["cookie"] = "; ".join(event["cookies"])
    port = headers.get("x-forwarded-port", "443")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": str(http["method"]).upper(),
        "scheme": "http" if headers.get("x-forwarded-proto") == "http" else "https",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "root_path": "",
        "query_string": str(event.get("rawQueryString", "")).encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": (str(http.get("sourceIp", "")), 0),
        "server": (headers.get("host", ""), int(port) if _PORT.fullmatch(port) else 443),
        "extensions": {},
    }


def body_of(event: dict[str, Any]) -> bytes:
    """Give the bytes of an event's body. Raises ValueError if they are no base64."""
    body = str(event.get("body") or "").encode()
    return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body


def prelude_of(start: Message) -> bytes:
    """Write a response's start as the Function URL wants it: status, headers, and cookies apart."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw_value in start.get("headers", []):
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    said = {"statusCode": start["status"], "headers": headers, "cookies": cookies}
    return json.dumps(said).encode() + PRELUDE_ENDS
