"""Failures of the services that keep records (Parameter Store, DynamoDB), told as ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from penstock.errors import BusyError

_RETRY_SECONDS = 5


@contextmanager
def as_busy() -> Iterator[None]:
    """Run the body; a service that fails, throttles or refuses in it raises BusyError.

    The detail names no resource, since clients read it; the vendor's own error is its cause.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise BusyError(
            f"The service's records can't be used just now: try again in {_RETRY_SECONDS} s.",
            retry_after_seconds=_RETRY_SECONDS,
        ) from error


def code_of(error: ClientError) -> str:
    """Give the code of a service's error, such as `ParameterNotFound`."""
    return str(error.response.get("Error", {}).get("Code", ""))
