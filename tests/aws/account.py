"""The account: botocore's clients for the Regions in which a stack has parts."""

import os
from typing import Any, Protocol

import botocore.session
from botocore.config import Config

EDGE_REGION = "us-east-1"
"""Where CloudFront keeps what it shows of itself."""

_CONFIG = Config(
    connect_timeout=10, read_timeout=60, retries={"total_max_attempts": 8, "mode": "standard"}
)


class Account(Protocol):
    """Clients of one account; `region` is the stack's own."""

    @property
    def region(self) -> str:
        """The Region that the stack stands in."""
        ...

    def client(self, service: str, *, region: str | None = None) -> Any:
        """Make a client of a service, in the stack's Region unless another one is named."""
        ...


class OwnAccount:
    """The account that the environment gives credentials for (AWS_PROFILE, AWS_REGION …)."""

    def __init__(self) -> None:
        self._session = botocore.session.get_session()
        self.region = os.environ.get("AWS_REGION") or str(
            self._session.get_config_variable("region") or ""
        )
        if not self.region:
            raise AssertionError("Set AWS_REGION: the Region that the stack is to stand in.")

    @property
    def credentials(self) -> Any:
        """The credentials, for signatures."""
        found = self._session.get_credentials()
        if found is None:
            raise AssertionError("There are no credentials for AWS: set AWS_PROFILE, or log in.")
        return found

    def client(self, service: str, *, region: str | None = None) -> Any:
        return self._session.create_client(
            service, region_name=region or self.region, config=_CONFIG
        )
