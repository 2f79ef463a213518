"""Hints as they travel: the name of a channel, and what a message on it holds."""

from penstock.model.job_id import is_job_id
from penstock.model.tenant import is_tenant_id
from penstock.ports import Audience, Hint

MOST_BYTES = 100
"""A tenant's id has 63 characters at most, a job's 26."""


def channel_of(scope: str, audience: Audience) -> str:
    """Name the channel of an audience; installations with scopes of their own never meet."""
    return f"penstock:{scope}:{audience}"


def body_of(hint: Hint) -> bytes:
    """Write a hint: whose job, and which; nothing of the job itself, and nothing of its user."""
    return f"{hint.tenant}/{hint.job_id}".encode()


def hint_from(body: bytes) -> Hint | None:
    """Read a hint; None if this is none."""
    if len(body) > MOST_BYTES or not body.isascii():
        return None
    tenant, _, job_id = body.decode("ascii").partition("/")
    if not (is_tenant_id(tenant) and is_job_id(job_id)):
        return None
    return Hint(tenant=tenant, job_id=job_id)
