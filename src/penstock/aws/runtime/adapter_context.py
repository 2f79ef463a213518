"""What the Lambda Web Adapter tells a web server of the invocation that it answers.

It sends the invocation's context as JSON in a header of each request:
https://aws.github.io/aws-lambda-web-adapter/features/ and the Runtime API's own fields.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.aws.runtime.function_url import extensions_of, wire_bytes

_CONTEXT = b"x-amzn-lambda-context"
_OWN = frozenset({_CONTEXT, b"x-amzn-request-context"})
_MILLISECONDS = 1000


def adapted(app: ASGIApp) -> ASGIApp:
    """Have an app answer within an invocation's limits; it doesn't see the adapter's own headers.

    A request without a context that can be read gets what fits in no time: 6 MB.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        told = _read([value for name, value in headers if name == _CONTEXT])
        deadline = told.get("deadline")
        seconds = deadline / _MILLISECONDS - time.time() if isinstance(deadline, int) else 0.0
        inner = {
            **scope,
            "headers": [pair for pair in headers if pair[0] not in _OWN],
            "extensions": extensions_of(
                most_bytes=wire_bytes(seconds),
                request_id=str(told.get("request_id", "")),
                trace_id=str(told.get("xray_trace_id", "")),
            ),
        }
        await app(inner, receive, send)

    return answer


def _read(values: list[bytes]) -> Mapping[str, Any]:
    try:
        # Of two, one is a client's own.
        told = json.loads(values[0]) if len(values) == 1 else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
