"""Presigned reader: small requests that every download makes, whose signatures are used again.

The client takes two milliseconds of a processor for a request, most of it not for sending it. What
is sent here was signed by the client as a URL and is good for a minute, which takes a third.
"""

import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from botocore.httpsession import where
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

_USED_SECONDS = 60
_GOOD_SECONDS = 300
_URLS_KEPT = 4096
_CONNECTIONS = 16
_TIMEOUT = Timeout(connect=2, read=5)

Method = Literal["GET", "HEAD"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickAnswer:
    """What S3 said of an object; `content` is that of a GET."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    content: bytes


class PresignedReader:
    """Asks once, without trying again, and leaves to the client whatever is not plainly told.

    After a failure or a refusal nothing is asked this way for a minute: a bucket may accept signed
    headers alone (`s3:authType`). Thread-safe.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._pool = PoolManager(maxsize=_CONNECTIONS, ca_certs=where(), retries=False)
        self._urls: dict[tuple[Method, str], tuple[float, str]] = {}
        self._rests_until = 0.0
        self._lock = threading.Lock()

    def look(self, method: Method, key: str, *, max_bytes: int = 0) -> QuickAnswer | None:
        """Ask for an object: a 200 with its length, or a 404; None is to be asked otherwise.

        Nothing longer than `max_bytes` is read.
        """
        if time.monotonic() < self._rests_until:
            return None
        try:
            answer = self._pool.request(
                method,
                self._url(method, key),
                timeout=_TIMEOUT,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                seen = _seen(method, answer, max_bytes)
            finally:
                answer.release_conn()
        except (HTTPError, OSError):
            seen = None
        if seen is None:
            self._rests_until = time.monotonic() + _USED_SECONDS
        return seen

    def _url(self, method: Method, key: str) -> str:
        now = time.monotonic()
        with self._lock:
            made, url = self._urls.get((method, key), (-_GOOD_SECONDS, ""))
        if now - made < _USED_SECONDS:
            return url
        signed: str = self._client.generate_presigned_url(
            "get_object" if method == "GET" else "head_object",
            Params={"Bucket": self._bucket, "Key": key},
            ExpiresIn=_GOOD_SECONDS,
        )
        with self._lock:
            if len(self._urls) >= _URLS_KEPT:
                self._urls.clear()
            self._urls[(method, key)] = (now, signed)
        return signed


def _seen(method: Method, answer: BaseHTTPResponse, max_bytes: int) -> QuickAnswer | None:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    length = headers.get("content-length", "")
    content = b""
    if answer.status == HTTPStatus.OK:
        if not length.isdecimal():
            answer.close()
            return None
        if method == "GET":
            if int(length) > max_bytes:
                answer.close()
                return None
            content = answer.read(max_bytes + 1)
            if len(content) != int(length):
                answer.close()
                return None
    elif answer.status == HTTPStatus.NOT_FOUND:
        answer.drain_conn()
    else:
        answer.close()
        return None
    return QuickAnswer(status=answer.status, headers=headers, content=content)
