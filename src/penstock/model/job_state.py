"""The states of a job, and which of them mean what.

ACCEPTED → QUEUED → RUNNING → FINALIZING → SUCCEEDED | SUCCEEDED_WITH_REJECTS
                  any of these → FAILED, or → CANCELLING → CANCELLED
                  RUNNING, FINALIZING → QUEUED (another attempt)
                  SUCCEEDED, SUCCEEDED_WITH_REJECTS → EXPIRED, FAILED → QUEUED (redriven)
"""

from typing import Literal, get_args

JobState = Literal[
    "ACCEPTED",
    "QUEUED",
    "RUNNING",
    "FINALIZING",
    "SUCCEEDED",
    "SUCCEEDED_WITH_REJECTS",
    "FAILED",
    "CANCELLING",
    "CANCELLED",
    "EXPIRED",
]

STATES: tuple[JobState, ...] = get_args(JobState)
TERMINAL: frozenset[JobState] = frozenset(
    ("SUCCEEDED", "SUCCEEDED_WITH_REJECTS", "FAILED", "CANCELLED", "EXPIRED")
)
SUCCESSFUL: frozenset[JobState] = frozenset(("SUCCEEDED", "SUCCEEDED_WITH_REJECTS"))
WAITING: frozenset[JobState] = frozenset(("ACCEPTED", "QUEUED"))
WORKING: frozenset[JobState] = frozenset(("RUNNING", "FINALIZING"))
