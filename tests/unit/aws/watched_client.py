"""A client whose calls are counted, and fail when they are told to."""

import io
import json
from collections.abc import Callable
from typing import Any

from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from tests.stand_ins import StandIn


class _Body(io.BytesIO):
    """What botocore reads a response from."""

    def stream(self) -> "list[bytes]":
        return [self.read()]


class Watched:
    """`client`, the names of its `calls`, and `fails`, which says of a call what error it gets."""

    def __init__(self, server: StandIn, service: str) -> None:
        self.client: Any = server.client(service)
        self.calls: list[str] = []
        self.fails: Callable[[str], str | None] = lambda _: None
        self.client.meta.events.register_first(f"before-send.{service}", self._before)

    def counted(self) -> list[str]:
        """Give the calls since this was asked last."""
        calls, self.calls = self.calls, []
        return calls

    def _before(self, event_name: str, request: AWSRequest, **_: Any) -> AWSResponse | None:
        name = event_name.rpartition(".")[2]
        self.calls.append(name)
        code = self.fails(name)
        if code is None:
            return None
        body = _Body(json.dumps({"__type": code, "message": f"no {name} now"}).encode())
        return AWSResponse(str(request.url), 400, HTTPHeaders(), body)
