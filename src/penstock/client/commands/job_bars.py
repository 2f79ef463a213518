"""Bars: jobs drawn on a terminal, or told in plain lines where there is none."""

import time
from collections.abc import Callable
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from penstock.client.commands.throughput import Throughput
from penstock.client.jobs.job_view import JobView
from penstock.client.jobs.words import line_of, progress_of, state_of
from penstock.client.terminal import printable

_BAR = 14
_SHOWN_OF_ID = 6
"""The end of an id tells jobs of one moment apart."""

LINE_SECONDS = 5.0
"""How long a job that only goes on is silent, in plain lines."""


class JobDisplay(Protocol):
    """What shows jobs while they are watched; a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, job: JobView) -> None:
        """Show a job as it is now."""
        ...

    def note(self, said: str) -> None:
        """Say what hinders looking."""
        ...


class NoDisplay:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End nothing."""

    def show(self, job: JobView) -> None:
        """Pass a job over."""

    def note(self, said: str) -> None:
        """Pass a word over."""


class Bars:
    """A bar for each job on `console`; they vanish when the context ends."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._drawn = RichProgress(
            _Said("name", Column(no_wrap=True)),
            BarColumn(bar_width=_BAR),
            _Said("progress", Column(no_wrap=True)),
            _Said("pace", Column(no_wrap=True)),
            # What is left of the line is for words: they are cut before any number is.
            _Said("state", Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            console=console,
            transient=True,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._paces: dict[str, Throughput] = {}

    def __enter__(self) -> Self:
        self._drawn.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._drawn.stop()

    def show(self, job: JobView) -> None:
        """Draw a job as it is, at the next refresh."""
        if job.id not in self._tasks:
            self._tasks[job.id] = self._drawn.add_task(
                "",
                total=None,
                name=f"{job.type} …{job.id[-_SHOWN_OF_ID:]}",
                progress="",
                pace="",
                state="",
            )
            self._paces[job.id] = Throughput()
        pace = self._paces[job.id]
        pace.note(self._clock(), job.high_water)
        total = job.total or None
        if job.went_well:
            total = max(1, job.high_water)
        self._drawn.update(
            self._tasks[job.id],
            completed=max(1, job.high_water) if job.went_well else job.high_water,
            total=total,
            progress=progress_of(job),
            pace="" if pace.a_second is None or job.is_over else f"{pace.a_second:,.0f} rows/s",
            state=job.phase if job.state == "RUNNING" and job.phase else state_of(job),
        )

    def note(self, said: str) -> None:
        """Say in the place of states what hinders looking, until the next look."""
        for task in self._tasks.values():
            self._drawn.update(task, state=said)


class Lines:
    """A line for each step of a job, and every few seconds while it goes on."""

    def __init__(
        self, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._last: dict[str, tuple[str, float]] = {}
        self._paces: dict[str, Throughput] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End nothing."""

    def show(self, job: JobView) -> None:
        """Say how far a job is, if it is another step or was silent for a while."""
        now = self._clock()
        pace = self._paces.setdefault(job.id, Throughput())
        pace.note(now, job.high_water)
        state, said_at = self._last.get(job.id, ("", now))
        if job.is_over or (state == job.state and now - said_at < LINE_SECONDS):
            # Its end is told by whoever watches.
            return
        self._last[job.id] = (job.state, now)
        self._say(line_of(job, pace.a_second))

    def note(self, said: str) -> None:
        """Say what hinders looking."""
        self._say(said)


class _Said(ProgressColumn):
    """A field of a task; plain text, as it may hold a server's words."""

    def __init__(self, field: str, column: Column) -> None:
        super().__init__(table_column=column)
        self._field = field

    def render(self, task: Task) -> Text:
        return Text(printable(str(task.fields[self._field])))
