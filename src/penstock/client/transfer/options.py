"""Options: how a download is to be done, apart from what and where to."""

from dataclasses import dataclass

import httpx

from penstock.client.transfer.coding import WantedCoding
from penstock.client.transfer.connection import Connection
from penstock.client.transfer.progress import Report, ignore
from penstock.client.transfer.retry import RetryPolicy

READ_TIMEOUT_SECONDS = 90.0
"""Longer than a query may run before its first byte (60 s unless the service is set otherwise)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadOptions:
    """How a download is to be done; the defaults suit a person at a slow line."""

    key: str | None = None
    coding: WantedCoding = "auto"
    replace: bool = False
    """Whether a file that exists may be replaced."""
    sha256: str | None = None
    """The digest that the file has to have, where it is known beforehand."""
    again: str = "the same command"
    """What goes on with a download that broke off, as a person is told."""
    retry: RetryPolicy = RetryPolicy()  # noqa: RUF009 - frozen
    report: Report = ignore
    timeout_seconds: float = READ_TIMEOUT_SECONDS

    def connect(self, address: httpx.URL) -> Connection:
        """Make the connection that carries the key. Raises SetupError for a bad key."""
        return Connection(address, key=self.key, timeout_seconds=self.timeout_seconds)


DEFAULT_OPTIONS = DownloadOptions()
