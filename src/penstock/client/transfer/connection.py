"""Connection: requests that carry the key to its own origin, and to no other."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import httpx

from penstock import __version__
from penstock.client.terminal import printable
from penstock.errors import SetupError, TransferError

MOST_REDIRECTS = 5


def usable_url(url: str) -> httpx.URL:
    """Read a URL that a person typed. Raises SetupError if no request can be made of it."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise SetupError(f"This is no usable URL: {error}") from error
    if address.scheme not in {"http", "https"} or not address.host:
        raise SetupError("This is no usable URL: it begins with http:// or https://.")
    if address.userinfo:
        # Such a URL ends up in histories and logs, with its password.
        raise SetupError("A URL must not hold a password: name a variable that does (--key-env).")
    return address.copy_with(fragment=None)


def origin_of(url: httpx.URL) -> str:
    """Scheme, host and port, as text: two URLs with the same one share a server."""
    # httpx leaves a scheme's default port out and writes the host in lower case.
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def shown(url: httpx.URL) -> str:
    """Write a URL for a terminal: without its query, which may hold a signature."""
    return printable(str(url.copy_with(query=None, fragment=None)))


class Connection:
    """An HTTP client for one origin; use it as a context manager.

    Redirects are followed, five at most, never from https to http; on another origin than the
    first URL's the key stays behind. Content codings are left as they come.
    """

    def __init__(self, address: httpx.URL, *, key: str | None, timeout_seconds: float) -> None:
        if key is not None and not (key and key.isascii() and key.isprintable()):
            raise SetupError("The API key holds characters that no key has.")
        self._key = key
        self.origin = origin_of(address)
        self._client = httpx.Client(
            headers={"User-Agent": f"penstock-get/{__version__}", "Accept": "*/*"},
            timeout=httpx.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds)),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    @property
    def has_key(self) -> bool:
        """Whether a key goes with requests to the first URL's origin."""
        return self._key is not None

    @contextmanager
    def get(self, url: httpx.URL, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open the answer to a GET behind all redirects; its body isn't read yet.

        Raises TransferError for a redirect that must not be followed, and httpx.TransportError.
        """
        for _ in range(MOST_REDIRECTS + 1):
            response = self._send("GET", url, headers)
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                url = _next(response)
            finally:
                response.close()
        raise TransferError(f"The server redirects more than {MOST_REDIRECTS} times.")

    @contextmanager
    def change(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], *, content: bytes = b""
    ) -> Iterator[httpx.Response]:
        """Open the answer to a request that changes something; its body isn't read yet.

        Raises TransferError for a redirect, since most of them would turn it into a GET, and
        httpx.TransportError.
        """
        response = self._send(method, url, headers, content=content)
        try:
            if response.has_redirect_location:
                raise TransferError(
                    f"The server redirects this to {shown(_next(response))}: name that one instead."
                )
            yield response
        finally:
            response.close()

    def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], *, content: bytes = b""
    ) -> httpx.Response:
        own = dict(headers)
        if self._key is not None and origin_of(url) == self.origin:
            own["X-Api-Key"] = self._key
        request = self._client.build_request(method, url, headers=own, content=content or None)
        return self._client.send(request, stream=True)


def reason_of(error: httpx.TransportError) -> str:
    """Say in a few words why a request or its answer broke off."""
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "no connection in time"
        case httpx.TimeoutException():
            return "nothing arrived for too long"
        case httpx.ConnectError() | httpx.ProxyError():
            return f"no connection: {printable(str(error)) or 'refused'}"
        case httpx.RemoteProtocolError():
            return "the server broke off"
        case _:
            return f"the connection broke: {printable(str(error)) or type(error).__name__}"


def is_hopeless(error: httpx.TransportError) -> bool:
    """Whether trying again can't help: the name doesn't exist, or the certificate isn't trusted."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        if isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _next(response: httpx.Response) -> httpx.URL:
    try:
        url = response.url.join(response.headers["Location"])
    except httpx.InvalidURL as error:
        raise TransferError("The server redirects to something that is no URL.") from error
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise TransferError("The server redirects to something that is no web address.")
    if response.url.scheme == "https" and url.scheme == "http":
        raise TransferError("The server redirects from https to http: not followed.")
    return url
