"""Clients of AWS's services, each made when it is first needed."""

import threading
from typing import Any

import botocore.session
from botocore.config import Config

_CONNECT_SECONDS = 2
_READ_SECONDS = 5
_ATTEMPTS = 4
_S3 = Config(
    # Of itself the client signs URLs in some Regions in an older way, which opens nothing that is
    # encrypted with a key of ours, and for a host that a new bucket of another Region redirects.
    signature_version="s3v4",
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
)


class Clients:
    """One session's clients; thread-safe.

    Region, credentials and endpoints are those that the environment gives (AWS_DEFAULT_REGION, the
    function's role, AWS_ENDPOINT_URL).
    """

    def __init__(self) -> None:
        self.session = botocore.session.get_session()
        self._config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            tcp_keepalive=True,
            # Looking through what is asked takes as long as asking; the service looks, too.
            parameter_validation=False,
        )
        self._made: dict[tuple[str, str | None, int], Any] = {}
        self._lock = threading.Lock()

    def of(
        self, service: str, *, endpoint: str | None = None, read_seconds: int = _READ_SECONDS
    ) -> Any:
        """Give the client of a service, such as `dynamodb`.

        `endpoint` is where it is, for services that each API has for itself; `read_seconds` is how
        long an answer is waited for.
        """
        key = (service, endpoint, read_seconds)
        with self._lock:
            if key not in self._made:
                config = self._config.merge(_S3) if service == "s3" else self._config
                self._made[key] = self.session.create_client(
                    service,
                    config=config.merge(Config(read_timeout=read_seconds)),
                    endpoint_url=endpoint,
                )
            return self._made[key]
