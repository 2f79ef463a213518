"""Requests to the API of jobs: bodies as bytes, and parameters of lists, replays and sockets."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, get_args

from starlette.requests import ClientDisconnect, Request

from penstock.errors import (
    BadValueError,
    BodyError,
    BodyTooLargeError,
    MediaTypeError,
    RepeatedParameterError,
    UnknownParameterError,
)
from penstock.model.job import JobKind
from penstock.model.job_id import is_job_id
from penstock.model.job_state import STATES, JobState
from penstock.query import pairs_of
from penstock.query.did_you_mean import near
from penstock.web.jobs.listening import MOST_REPLAYED, MOST_SEQ

MOST_BODY_BYTES = 65_536
MOST_JOBS = 100
USUAL_JOBS = 20
BEFORE_ALL = 0
"""The number before the first event's: a job is accepted with 1."""

_JSON = "application/json"
_NUMBER = re.compile(r"[0-9]{1,19}")

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobListRequest:
    """Which jobs a list is to hold, and behind which one it goes on."""

    kind: JobKind | None
    state: JobState | None
    limit: int
    before: str | None


async def read_body(request: Request) -> bytes:
    """Read a body that is said to be JSON; holds at most 64 KiB of it.

    A page of another origin can't send this without asking first, which it may not.

    Raises MediaTypeError, BodyTooLargeError, and BodyError where the client leaves in its midst.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _JSON:
        raise MediaTypeError(takes=_JSON)
    said = request.headers.get("content-length", "0")
    if said.isdecimal() and int(said) > MOST_BODY_BYTES:
        raise BodyTooLargeError(limit=MOST_BODY_BYTES)
    content = bytearray()
    try:
        async for piece in request.stream():
            content += piece
            if len(content) > MOST_BODY_BYTES:
                raise BodyTooLargeError(limit=MOST_BODY_BYTES)
    except ClientDisconnect as error:
        raise BodyError("The body broke off.") from error
    return bytes(content)


def listed_jobs(query_string: bytes) -> JobListRequest:
    """Read the parameters of a list of jobs.

    Raises UnknownParameterError, RepeatedParameterError and BadValueError.
    """
    given = _parameters(query_string, ("kind", "state", "limit", "cursor"))
    before = given.get("cursor")
    if before is not None and not is_job_id(before):
        raise BadValueError("cursor", before, expected="the cursor of a list's Link header")
    return JobListRequest(
        kind=_one_of(given, "kind", get_args(JobKind)),
        state=_one_of(given, "state", STATES),
        limit=_number(given, "limit", default=USUAL_JOBS, least=1, most=MOST_JOBS),
        before=before,
    )


def after_seq(query_string: bytes) -> int:
    """Read behind which event a replay begins; before the first one where that isn't said.

    Raises UnknownParameterError, RepeatedParameterError and BadValueError.
    """
    given = _parameters(query_string, ("after_seq",))
    return _number(given, "after_seq", default=BEFORE_ALL, least=0, most=MOST_SEQ)


def socket_parameters(query_string: bytes) -> tuple[str, dict[str, int]]:
    """Read a socket's ticket, and behind which event (`after={id}:{seq}`) it goes on, by job.

    Raises UnknownParameterError, RepeatedParameterError and BadValueError.
    """
    tickets: list[str] = []
    after: dict[str, int] = {}
    for name, value in pairs_of(query_string):
        if name == "ticket":
            tickets.append(value)
        elif name == "after":
            job_id, _, seq = value.partition(":")
            is_seq = _NUMBER.fullmatch(seq) and int(seq) <= MOST_SEQ
            if not is_job_id(job_id) or not is_seq or len(after) >= MOST_REPLAYED:
                raise BadValueError(
                    name,
                    value,
                    expected=f"a job's id and the number of an event, {MOST_REPLAYED} at most",
                    example="after=01JD3B6Z8Y5V9TQ0RXK2N4M7PC:4294967297",
                )
            after[job_id] = max(int(seq), after.get(job_id, 0))
        else:
            raise _unknown(name, ("ticket", "after"))
    if len(tickets) > 1:
        raise RepeatedParameterError("ticket")
    return "".join(tickets), after


def _parameters(query_string: bytes, known: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in pairs_of(query_string):
        if name not in known:
            raise _unknown(name, known)
        if name in given:
            raise RepeatedParameterError(name)
        given[name] = value
    return given


def _unknown(name: str, known: Sequence[str]) -> UnknownParameterError:
    return UnknownParameterError(
        name[:100],
        did_you_mean=near(name, known),
        detail=f"“{name[:100]}” is no parameter here: use {', '.join(known)}.",
    )


def _one_of(given: Mapping[str, str], name: str, choices: Sequence[Choice]) -> Choice | None:
    value = given.get(name)
    if value is None:
        return None
    found = next((choice for choice in choices if choice == value), None)
    if found is None:
        raise BadValueError(name, value, expected=f"one of {', '.join(choices)}")
    return found


def _number(given: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise BadValueError(name, text, expected=f"a whole number from {least} to {most}")
    return int(text)
