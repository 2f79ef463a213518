"""Faults: why a job, or its last attempt, failed."""

from dataclasses import dataclass
from typing import Any, Literal

FaultClass = Literal["recoverable", "permanent", "unforeseen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFault:
    """Why a job or its last attempt failed; `message` may be shown to its user."""

    code: str
    kind: FaultClass
    message: str
    retryable: bool

    def described(self) -> dict[str, Any]:
        """Give what a client is told, as JSON holds it."""
        return {
            "code": self.code,
            "class": self.kind,
            "message": self.message,
            "retryable": self.retryable,
        }
