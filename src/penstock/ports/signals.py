"""The port of signals: hints, from process to process, that a job's row is worth a look."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Audience = Literal["watchers", "workers"]
"""Who is to look: those who tell people of jobs, or whoever works on the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Which job to look at; of what is to be seen there, it says nothing."""

    tenant: str
    job_id: str


Heard: TypeAlias = Callable[[Hint | None], None]
"""Takes a hint. None says that some may have been missed: whatever is waited for is worth a look.

Called from a thread of the adapter's; it returns soon and raises nothing.
"""


class Signals(Protocol):
    """Hints between processes; none of them has any authority.

    A hint may be lost, late, doubled or forged. Whoever heeds one looks at the job's row, and what
    the row says decides: so hints change when somebody looks, and nothing else.
    """

    def tell(self, audience: Audience, hint: Hint) -> None:
        """Hint at a job whose change is stored already.

        Returns soon and raises nothing, in whatever state the way to others is.
        """
        ...

    def hearing(self, audience: Audience, heard: Heard) -> AbstractContextManager[None]:
        """Hear hints while the body runs; its beginning and its end wait for nothing.

        Where hints come at all, `heard` is called with None once they do, and again whenever some
        may have been lost: what was stored before is seen by that look. It may be called once more
        just after the body.
        """
        ...
