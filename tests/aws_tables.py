"""The DynamoDB tables of a stack, made in a stand-in as the adapters describe them."""

import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY, StandIn

from penstock.aws.jobs.items import EXPIRES_ATTRIBUTE as FORGOTTEN_ATTRIBUTE
from penstock.aws.jobs.items import JOBS_TABLE
from penstock.aws.jobs.listener_items import EXPIRES_ATTRIBUTE as SOCKET_EXPIRES_ATTRIBUTE
from penstock.aws.jobs.listener_items import SOCKETS_TABLE
from penstock.aws.tenants.keys import KEYS_TABLE
from penstock.aws.tenants.receipts import EXPIRES_ATTRIBUTE, RECEIPTS_TABLE


def fresh_name(what: str) -> str:
    """Make a name that nothing else has on a shared server."""
    return f"{what}-{secrets.token_hex(8)}"


@cache
def client_of(server: StandIn, service: str) -> Any:
    """Give the client of a service that tests share: to make one takes a tenth of a second.

    It tries again as those of functions do, since moto fails now and then where threads meet.
    """
    return botocore.session.get_session().create_client(
        service,
        region_name=REGION,
        endpoint_url=server.endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"total_max_attempts": 4, "mode": "standard"}),
    )


def make_keys_table(client: Any, *, name: str) -> None:
    """Make an empty table of API keys."""
    _make(client, name, KEYS_TABLE)


def make_receipts_table(client: Any, *, name: str) -> None:
    """Make an empty table of receipts, which removes them when they expire."""
    _make(client, name, RECEIPTS_TABLE, expires=EXPIRES_ATTRIBUTE)


def make_jobs_table(client: Any, *, name: str) -> None:
    """Make an empty table of jobs, which removes idempotency keys when they expire."""
    _make(client, name, JOBS_TABLE, expires=FORGOTTEN_ATTRIBUTE)


def make_sockets_table(client: Any, *, name: str) -> None:
    """Make an empty table of sockets and tickets, which removes both when they expire."""
    _make(client, name, SOCKETS_TABLE, expires=SOCKET_EXPIRES_ATTRIBUTE)


def _make(
    client: Any, name: str, definition: Mapping[str, Any], *, expires: str | None = None
) -> None:
    client.create_table(TableName=name, **definition)
    if expires is not None:
        client.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": expires},
        )
