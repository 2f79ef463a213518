"""What the commands on tenants and keys work with in a stack, and how they tell its failures."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from penstock.aws.services.clients import Clients
from penstock.aws.services.parameters import Parameters
from penstock.aws.services.record_failures import code_of
from penstock.errors import BusyError, SetupError

KEYS_TABLE_PARAMETER = "tables/keys"
"""The parameter of an environment that names its table of API keys."""


def client_of(service: str) -> Any:
    """Make a client for a command: region and credentials are those of the AWS CLI's variables."""
    clients = Clients()
    region = os.environ.get("AWS_REGION")
    if region:
        clients.session.set_config_variable("region", region)
    return clients.of(service)


def keys_table(ssm: Any, *, environment: str) -> str:
    """Find the name of an environment's table of API keys.

    Raises SetupError if the environment doesn't name it.
    """
    parameters = Parameters(ssm, environment=environment)
    name = parameters.get(KEYS_TABLE_PARAMETER)
    if name is None:
        raise SetupError(
            f"There is no parameter {parameters.full_name(KEYS_TABLE_PARAMETER)}: check the "
            "environment and AWS_REGION, or name the table of API keys with --table."
        )
    return name


@contextmanager
def told_plainly() -> Iterator[None]:
    """Run the body of a command: what AWS refuses in it is a SetupError that says so in a line."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise SetupError(_told(error)) from error
    except BusyError as error:
        # Requests are told nothing of the stack; whoever runs a command needs to know.
        if isinstance(error.__cause__, BotoCoreError | ClientError):
            raise SetupError(_told(error.__cause__)) from error
        raise


def _told(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, NoRegionError):
        return "AWS needs a Region: set AWS_REGION, such as eu-west-2."
    if isinstance(error, NoCredentialsError):
        return "There are no credentials for AWS: set AWS_PROFILE, or log in with `aws sso login`."
    said = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, ClientError) and code_of(error) == "ResourceNotFoundException":
        return f"{said}: check --table and AWS_REGION."
    return f"{said}."
