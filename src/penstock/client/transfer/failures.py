"""Failures: an error answer, in one line for the person who asked."""

import json
import shlex
from collections.abc import Mapping
from typing import TypeAlias

import httpx

from penstock.client.terminal import printable
from penstock.client.transfer.answers import coding_of
from penstock.client.transfer.coding import decoded
from penstock.client.transfer.connection import Connection, origin_of
from penstock.errors import TransferError

MOST_BYTES = 1 << 16
"""How much of an error's body is read."""

_ASKS_FOR_A_KEY = frozenset({401, 403, 404})

Problem: TypeAlias = Mapping[str, object]
"""An error as the server describes it (RFC 9457)."""


def refusal(
    response: httpx.Response, connection: Connection, problem: Problem | None = None
) -> TransferError:
    """Make the error of an answer that no retry will change, from its problem+json (RFC 9457).

    Reads at most 64 KiB of the body, unless its problem was read already; a body that is none is
    left out of the message. Its facts are the status and the problem's code.
    """
    problem = problem_of(response) if problem is None else problem
    said = told(response, problem)
    if response.status_code in _ASKS_FOR_A_KEY and not connection.has_key:
        said += (
            " Put your API key into the variable PENSTOCK_KEY."
            if response.status_code == httpx.codes.UNAUTHORIZED
            else " If it is private: put your API key into the variable PENSTOCK_KEY."
        )
    if origin_of(response.url) == connection.origin:
        # Not where a redirect led: the command sends the key.
        said += printable(_as_command(problem, connection.origin))
    code = str(problem.get("type", "")).rpartition(":")[2]
    return TransferError(said, status=response.status_code, problem=code or None)


def told(response: httpx.Response, problem: Problem | None = None) -> str:
    """Say what an error answer tells: its detail, what it suggests, and its status."""
    problem = problem_of(response) if problem is None else problem
    status = f"{response.status_code} {printable(response.reason_phrase)}".strip()
    said = str(problem.get("detail") or problem.get("title") or "The server gave no reason.")
    near = problem.get("did_you_mean")
    names = [str(name) for name in near] if isinstance(near, list) else []
    if names and not any(name in said for name in names):
        said += f" Did you mean {' or '.join(names)}?"
    field = problem.get("field")
    if isinstance(field, str) and field not in said:
        said += f" The field is {field}."
    return printable(f"{status}: {said}")


def problem_of(response: httpx.Response) -> Problem:
    """Read the problem that an error answer holds; empty where it holds none."""
    if "json" not in response.headers.get("Content-Type", ""):
        return {}
    body = b""
    try:
        for piece in decoded(
            response.iter_raw(), coding_of(response.headers.get("Content-Encoding"))
        ):
            body += piece
            if len(body) > MOST_BYTES:
                return {}
        problem = json.loads(body)
    except (httpx.TransportError, TransferError, ValueError, RecursionError):
        # The status is known already, and it is what counts.
        return {}
    return problem if isinstance(problem, dict) else {}


def _as_command(problem: Problem, origin: str) -> str:
    """Write the command that exports what is too large to download, where the server offers it."""
    offered = problem.get("export")
    body = offered.get("body") if isinstance(offered, dict) else None
    params = body.get("params") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(params, dict):
        return ""
    words = ["penstock", "export", str(body.get("type"))]
    for name, value in params.items():
        words += ["-p", f"{name}={value}"]
    formats = body.get("formats")
    for each in formats if isinstance(formats, list) else []:
        words += ["--format", str(each)]
    return f" In a terminal: {shlex.join([*words, '--url', origin, '-o'])} FILE"
