"""Worker: what every attempt of a process that works on jobs shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from penstock.jobs.rules import JobRules
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.job import JobKind
from penstock.ports import JobPorts, Signals
from penstock.signals.silent import SILENT

Work: TypeAlias = Callable[[Attempt], tuple[Artifact, ...]]
"""Does a job, up to its manifest, and gives the files of its result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What every attempt of this process shares; `owner` names it in leases."""

    ports: JobPorts
    works: Mapping[JobKind, Work]
    rules: JobRules
    owner: str
    now: Callable[[], datetime]
    is_stopping: Callable[[], bool] = lambda: False
    """Whether this process is to end: its attempt is handed to another one then."""
    had_whole_time: Callable[[float], bool] = lambda _began: False
    """Whether an attempt that began then (`time.monotonic`) has had all the time that any attempt
    gets: one that has left no checkpoint by then would come no further the next time."""
    signals: Signals = SILENT
    """By which an attempt hears that its job's row is worth a look."""
