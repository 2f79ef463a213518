"""A stack of a run's own, deployed before the first check and removed after the last."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.aws import deployment, removal
from tests.aws.account import OwnAccount
from tests.aws.cloudwatch import LogGroup
from tests.aws.deployment import Stack
from tests.aws.doors import Door, opened
from tests.aws.naming import TENANT, new_names
from tests.aws.shelves import BucketShelf, fill
from tests.aws.signing import signer
from tests.aws.tables import numbers_table

VARIABLE = "PENSTOCK_AWS_ACCOUNT_TESTS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A stack with a tenant and its datasets, and the doors to it."""

    stack: Stack
    edge: Door
    function: Door
    """The Function URL, signed for, with the tenant's host as the edge would name it."""
    stranger: Door
    """The Function URL, for anybody."""
    gateway: Door
    shelf: BucketShelf
    logs: LogGroup
    numbers: bytes
    """The stored file of `numbers`."""
    key: str
    secrets: Any
    """The client of Secrets Manager."""
    cloudfront: Any

    @property
    def forged(self) -> dict[str, str]:
        """What only the edge may say."""
        return {
            "x-tenant-host": self.stack.domain,
            "cloudfront-viewer-address": "192.0.2.1:4711",
        }


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Tells whoever waits what happens, also while output is captured."""
    terminal = pytestconfig.pluginmanager.getplugin("terminalreporter")

    def tell(text: str) -> None:
        if terminal is not None:
            terminal.write_line(f"  {text}")

    return tell


@pytest.fixture(scope="session")
def deployed(
    tmp_path_factory: pytest.TempPathFactory, say: Callable[[str], None]
) -> Iterator[Deployed]:
    if os.environ.get(VARIABLE) != "1":
        pytest.fail(f"These tests deploy a stack, which costs money: set {VARIABLE}=1 to run them.")
    account = OwnAccount()
    credentials = account.credentials
    sam = deployment.sam_program()
    names = new_names()
    say("")
    say(f"deploying {names.stack} in {account.region} with {sam}: about ten minutes")
    say(f"if this is killed: .venv/bin/python -m tests.aws.removal {names.stack}")
    try:
        folder = tmp_path_factory.mktemp("sam")
        deployment.deploy(account, names, sam=sam, folder=folder)
        stack = deployment.stack_of(account, names)
        shelf = BucketShelf(s3=account.client("s3"), bucket=stack.bucket, tenant=TENANT)
        numbers = fill(shelf, numbers=numbers_table())
        deployment.add_tenant(names, host=stack.domain, region=account.region)
        key = deployment.add_key(names, region=account.region)
        sign = signer(credentials, region=account.region)
        host = {"x-tenant-host": stack.domain}
        with (
            opened(f"https://{stack.domain}") as edge,
            opened(f"https://{stack.function_host}", sign=sign, always=host) as function,
            opened(f"https://{stack.function_host}") as stranger,
            opened(f"https://{stack.gateway_host}") as gateway,
        ):
            yield Deployed(
                stack=stack,
                edge=edge,
                function=function,
                stranger=stranger,
                gateway=gateway,
                shelf=shelf,
                logs=LogGroup(logs=account.client("logs"), name=stack.download_logs),
                numbers=numbers,
                key=key,
                secrets=account.client("secretsmanager"),
                cloudfront=account.client("cloudfront"),
            )
    finally:
        say("")
        removal.remove(account, names, say=say)
