"""Failures: an error answer, in one line for the person who asked."""

import json
from collections.abc import Mapping

import httpx

from penstock.client.answers import coding_of
from penstock.client.coding import decoded
from penstock.client.connection import Connection, printable
from penstock.errors import TransferError

MOST_BYTES = 1 << 16
"""How much of an error's body is read."""

_ASKS_FOR_A_KEY = frozenset({401, 403, 404})


def refusal(response: httpx.Response, connection: Connection) -> TransferError:
    """Make the error of an answer that no retry will change, from its problem+json (RFC 9457).

    Reads at most 64 KiB of the body; a body that is no problem is left out of the message.
    """
    said = told(response)
    if response.status_code in _ASKS_FOR_A_KEY and not connection.has_key:
        said += " If it is private: put your API key into the variable PENSTOCK_KEY."
    return TransferError(said, status=response.status_code)


def told(response: httpx.Response) -> str:
    """Say what an error answer tells: its detail, what it suggests, and its status."""
    problem = _problem(response)
    status = f"{response.status_code} {printable(response.reason_phrase)}".strip()
    said = str(problem.get("detail") or problem.get("title") or "The server gave no reason.")
    near = problem.get("did_you_mean")
    names = [str(name) for name in near] if isinstance(near, list) else []
    if names and not any(name in said for name in names):
        said += f" Did you mean {' or '.join(names)}?"
    return printable(f"{status}: {said}")


def _problem(response: httpx.Response) -> Mapping[str, object]:
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
