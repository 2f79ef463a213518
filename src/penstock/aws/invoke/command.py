"""`penstock invoke`: one event for one function, and its answer while it is made."""

import asyncio
import base64
import binascii
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from penstock.aws.invoke.environment import environment
from penstock.aws.invoke.functions import Function, read_function, read_variables
from penstock.aws.invoke.prelude import Prelude, after_prelude
from penstock.aws.invoke.server import Answer
from penstock.aws.runtime.api import PRELUDE_TYPE
from penstock.errors import FunctionError, SetupError

_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_STREAMING_WRAPPER = "penstock-stream"
_INIT_SECONDS = 30.0
"""Longer than Lambda's, since modules may be read for the first time here."""
_AFTERWARDS_SECONDS = 10.0
"""For what a function does behind its last byte, such as receipts and metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeOptions:
    """What `penstock invoke` was asked for."""

    function: str
    event: Path | None
    """The event's file; None reads standard input."""
    template: Path
    env_vars: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    output: Path | None = None
    """Where the body goes; None is standard output."""


def invoke(asked: InvokeOptions) -> int:
    """Run the function from its template; gives the exit code.

    Status and headers go to standard error, as does what the function logs; the body goes to
    standard output or a file, which is there only if the answer is whole. 1 is a function that
    failed or broke its answer off; a problem that it answers with is an answer.

    Raises SetupError if the function can't be run.
    """
    function = read_function(
        asked.template, asked.function, parameters=asked.parameters, inherited=os.environ
    )
    given = read_variables(asked.env_vars, function.name) if asked.env_vars else {}
    variables = function.environment(inherited=os.environ, given=given)
    event = _event(asked.event)
    try:
        with _written(asked.output) as output:
            asyncio.run(_answered(function, variables, event, output))
    except FunctionError as error:
        sys.stderr.write(f"penstock: {function.name} failed: {error.kind}: {error.detail}\n")
        return 1
    except BrokenPipeError:
        # Whoever read it has had enough; what Python still holds for it can't be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


async def _answered(
    function: Function, variables: Mapping[str, str], event: bytes, output: BinaryIO
) -> None:
    command = _command(function, variables)
    async with environment(
        command, variables, output=sys.stderr.fileno(), init_seconds=_INIT_SECONDS
    ) as running:
        answer = await running.invoke(event, seconds=function.seconds)
        async for piece in _body(answer):
            output.write(piece)
            output.flush()
        await running.until_idle(_AFTERWARDS_SECONDS)


def _command(function: Function, variables: Mapping[str, str]) -> Sequence[str]:
    wrapper = variables.get(_WRAPPER, "")
    if not wrapper:
        return (sys.executable, "-m", "penstock.aws.invoke.managed")
    if wrapper.rpartition("/")[2] == _STREAMING_WRAPPER:
        return (sys.executable, "-m", "penstock.aws.runtime.loop")
    raise SetupError(f"{function.name} is started by {wrapper}, which is not on this machine.")


async def _body(answer: Answer) -> AsyncIterator[bytes]:
    """Show what an answer says of itself, and yield its body."""
    if answer.content_type == PRELUDE_TYPE:
        prelude, pieces = await after_prelude(answer.pieces())
        _show(prelude)
        async for piece in pieces:
            yield piece
        return
    whole = b"".join([piece async for piece in answer.pieces()])
    yield _as_response(whole)


def _as_response(whole: bytes) -> bytes:
    """Take a buffered answer as API Gateway does; one of another form is its own body."""
    try:
        said: Any = json.loads(whole)
        prelude = Prelude(
            status=int(said["statusCode"]),
            headers={name.lower(): str(value) for name, value in said["headers"].items()},
            cookies=tuple(said.get("cookies") or ()),
        )
        text = str(said.get("body") or "")
        body = base64.b64decode(text) if said.get("isBase64Encoded") else text.encode()
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        return whole + b"\n"
    _show(prelude)
    return body


def _show(prelude: Prelude) -> None:
    lines = [f"HTTP {prelude.status}"]
    lines += [f"{name}: {value}" for name, value in prelude.headers.items()]
    lines += [f"set-cookie: {cookie}" for cookie in prelude.cookies]
    sys.stderr.write("\n".join([*lines, "", ""]))
    sys.stderr.flush()


def _event(path: Path | None) -> bytes:
    try:
        event = sys.stdin.buffer.read() if path is None else path.read_bytes()
        json.loads(event)
    except OSError as error:
        raise SetupError(f"{path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise SetupError(f"{path or 'The event'} is no JSON: {error}.") from error
    return event


@contextmanager
def _written(path: Path | None) -> Iterator[BinaryIO]:
    """Give what the body is written to: a file has its name once all of it is there."""
    if path is None:
        yield sys.stdout.buffer
        return
    part = path.with_name(f"{path.name}.part")
    try:
        file = part.open("wb")
    except OSError as error:
        raise SetupError(f"{path} can't be written: {error.strerror}.") from error
    try:
        with file:
            yield file
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
