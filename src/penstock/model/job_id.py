"""A job's id: a ULID, and what a log has of it."""

import secrets
import time

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_RANDOM_BITS = 80
_ULID_CHARACTERS = 26
_LOGGED_CHARACTERS = 14


def new_job_id() -> str:
    """Make a ULID: 48 bits of time in milliseconds, so that ids sort by age, and 80 random ones.

    https://github.com/ulid/spec
    """
    bits = time.time_ns() // 1_000_000 << _ULID_RANDOM_BITS | secrets.randbits(_ULID_RANDOM_BITS)
    return "".join(
        _CROCKFORD[bits >> 5 * place & 31] for place in reversed(range(_ULID_CHARACTERS))
    )


def is_job_id(text: str) -> bool:
    """Whether this has the form of a job's id, as it is written (upper-case)."""
    return len(text) == _ULID_CHARACTERS and text[0] in "01234567" and set(text) <= set(_CROCKFORD)


def logged_id(job_id: str) -> str:
    """Give what a log has of a job's id: enough to tell it by, and not enough to open it with.

    Whoever knows the id of a visitor's job owns it. These are the milliseconds and 20 random bits
    of 80; what is no job's id is cut there as well.
    """
    return job_id[:_LOGGED_CHARACTERS]
