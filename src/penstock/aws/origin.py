"""The origin secret: what tells a call that the edge made from one that somebody else made."""

import hmac
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.errors import ForbiddenError
from penstock.web.problems import problem_answer
from penstock.web.sending.stream import send_answer

SECRET_HEADER = "x-origin-secret"  # noqa: S105 - the header's name

STAGES = ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS")
"""All count: while a rotation goes through the edge, some of its places send the old one still."""

_TRUSTED_SECONDS = 300
_AT_MOST_EACH_SECONDS = 10


class OriginSecrets:
    """The values of a secret that the edge may send just now; thread-safe.

    They are read again after five minutes, and for a value that isn't among them, at most each ten
    seconds. What can't be read is trusted no longer than that: then nothing fits.
    """

    def __init__(
        self, client: Any, secret_id: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._values: tuple[str, ...] = ()
        self._read_at = self._tried_at = float("-inf")
        self._lock = threading.Lock()

    def fits(self, value: str) -> bool:
        """Whether the edge may send this value, compared in constant time."""
        with self._lock:
            age = self._clock() - self._read_at
            known = self._values if age < _TRUSTED_SECONDS else ()
            if not _is_among(value, known):
                known = self._read(known)
            return _is_among(value, known)

    def _read(self, known: tuple[str, ...]) -> tuple[str, ...]:
        now = self._clock()
        if now - self._tried_at < _AT_MOST_EACH_SECONDS:
            return known
        self._tried_at = now
        try:
            self._values = tuple(found for stage in STAGES if (found := self._value(stage)))
        except (BotoCoreError, ClientError):
            return known
        self._read_at = now
        return self._values

    def _value(self, stage: str) -> str:
        try:
            answer = self._client.get_secret_value(SecretId=self._secret_id, VersionStage=stage)
        except self._client.exceptions.ResourceNotFoundException:
            return ""
        return str(answer["SecretString"])


def behind_edge(app: ASGIApp, secrets: OriginSecrets) -> ASGIApp:
    """Let requests through that carry the origin secret, once, and answer all others with 403.

    The app doesn't see the header.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        name = SECRET_HEADER.encode()
        sent = [value for key, value in scope["headers"] if key == name]
        if len(sent) != 1 or not secrets.fits(sent[0].decode("latin-1")):
            error = ForbiddenError("This address is for the edge alone: ask the tenant's host.")
            await send_answer(problem_answer(error, path=scope["path"]), scope, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0] != name]
        await app({**scope, "headers": headers}, receive, send)

    return guarded


def _is_among(value: str, known: tuple[str, ...]) -> bool:
    found = False
    for each in known:
        found |= hmac.compare_digest(value.encode(), each.encode())
    return found
