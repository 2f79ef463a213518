"""The HTTP protocol of the embedded server, which also tells the host of an absolute target."""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


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
