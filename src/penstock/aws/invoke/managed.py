"""What the managed Python runtime does, for functions that answer whole; run as a process."""

import http.client
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.aws.runtime.api import API_PATH, ERROR_TYPE
from penstock.aws.runtime.loop import handler_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a handler is told beside its event.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    aws_request_id: str
    invoked_function_arn: str
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    deadline_milliseconds: int
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Tell how long the invocation may still take."""
        return max(0, self.deadline_milliseconds - int(time.time() * 1000))


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Have the handler that `_HANDLER` names answer one event after another."""
    address = environment["AWS_LAMBDA_RUNTIME_API"]
    # As the managed runtime has it: what a function prints is not to wait for the next invocation.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a TextIOWrapper
    try:
        handler = handler_named(environment["_HANDLER"])
    except Exception as error:  # noqa: BLE001 - whatever an import raises is reported
        _report(address, "init/error", error)
        return 1
    while True:
        _answer(address, handler, environment)


def _answer(
    address: str, handler: Callable[[Any, Context], Any], environment: Mapping[str, str]
) -> None:
    headers, event = _exchange(address, "GET", "invocation/next")
    context = Context(
        aws_request_id=headers["Lambda-Runtime-Aws-Request-Id"],
        invoked_function_arn=headers["Lambda-Runtime-Invoked-Function-Arn"],
        function_name=environment["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=environment["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=environment["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=environment["AWS_LAMBDA_LOG_STREAM_NAME"],
        deadline_milliseconds=int(headers["Lambda-Runtime-Deadline-Ms"]),
    )
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
    invocation = f"invocation/{context.aws_request_id}"
    try:
        answer = json.dumps(handler(json.loads(event), context), ensure_ascii=False).encode()
    except Exception as error:  # noqa: BLE001 - whatever a handler raises fails its invocation
        _report(address, f"{invocation}/error", error)
    else:
        _exchange(address, "POST", f"{invocation}/response", answer)


def _report(address: str, path: str, error: Exception) -> None:
    traceback.print_exception(error)
    described = {
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
    _exchange(address, "POST", path, json.dumps(described).encode(), {ERROR_TYPE: "Unhandled"})


def _exchange(
    address: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(address)
    try:
        connection.request(method, API_PATH + path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.headers, response.read()
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
