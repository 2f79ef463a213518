"""HTTP requests as the events that a Function URL makes of them (payload 2.0)."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from penstock.aws.invoke.request import Request

URL_ID = "abcdefghijklmnopqrstuvwxyz012345"
DOMAIN = f"{URL_ID}.lambda-url.eu-west-2.on.aws"
_TEXT = ("text/", "application/json", "application/xml", "application/javascript")


def event_of(request: Request, body: bytes, *, address: str, request_id: str) -> bytes:
    """Write the event as AWS documents it (docs.aws.amazon.com/lambda, "urls-invocation").

    `Host` is the Function URL's own, whatever the client said: nobody else could reach it.
    """
    path, _, query = request.path.partition("?")
    headers = {**request.headers, "host": DOMAIN, "x-forwarded-proto": "https"}
    cookies = [each.strip() for each in headers.pop("cookie", "").split(";") if each.strip()]
    now = datetime.now(UTC)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {**headers, "x-forwarded-port": "443", "x-forwarded-for": address},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": URL_ID,
            "domainName": DOMAIN,
            "domainPrefix": URL_ID,
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": address,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if query:
        event["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True))
    if body:
        is_text = request.headers.get("content-type", "").startswith(_TEXT)
        event["body"] = body.decode() if is_text else base64.b64encode(body).decode()
        event["isBase64Encoded"] = not is_text
    return json.dumps(event).encode()


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined
