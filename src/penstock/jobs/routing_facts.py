"""Routing facts: what the log says of a message: which queue a job went to, or why to none."""

from math import ceil

from penstock.model.job_id import logged_id
from penstock.model.message import JobMessage

ROUTED = "job routed"
"""What every line of such a decision is called."""

DEAD_LETTERS = "dead-letters"


def routed_facts(message: JobMessage, **facts: object) -> dict[str, object]:
    """Describe a decision on a message; none of the job's parameters are in one."""
    own = {
        "tenant": message.tenant,
        "job_id": logged_id(message.job_id),
        "type": message.type,
        "size": message.size,
    }
    return own | facts


def dispatched_facts(message: JobMessage, *, queue: str, delay_seconds: float) -> dict[str, object]:
    """Describe that a queue took a message."""
    return routed_facts(
        message, queue=queue, outcome="dispatched", delay_seconds=ceil(delay_seconds)
    )


def buried_facts(message: JobMessage, *, reason: str) -> dict[str, object]:
    """Describe that a message was laid down as a dead letter."""
    # Behind the code stands what was said to the user, which may repeat what was asked for.
    code = reason.partition(":")[0]
    return routed_facts(message, queue=DEAD_LETTERS, outcome="buried", reason=code)
