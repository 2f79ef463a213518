"""Bar: progress drawn on a terminal."""

from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

from penstock.client.terminal import printable
from penstock.client.transfer.progress import Phase, Progress


class _Said(ProgressColumn):
    """The phase in a word, or the note; plain text, as it may hold a server's words."""

    def render(self, task: Task) -> Text:
        return Text(printable(str(task.fields["said"])))


class Bar:
    """One line on `console` that vanishes when the context ends."""

    def __init__(self, console: Console) -> None:
        self._drawn = RichProgress(
            _Said(),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rows]}"),
            console=console,
            transient=True,
        )
        self._task = self._drawn.add_task("", total=None, said="connecting", rows="")
        self._phase: Phase = "connecting"

    def __enter__(self) -> Self:
        self._drawn.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._drawn.stop()

    def show(self, progress: Progress) -> None:
        """Draw where the download stands, at the next refresh."""
        if progress.phase in {"checking", "decoding"} and progress.phase != self._phase:
            # Another kind of bytes from here on: rate and rest are counted anew.
            self._drawn.reset(self._task)
        self._phase = progress.phase
        self._drawn.update(
            self._task,
            completed=progress.done_bytes,
            total=progress.total_bytes,
            said=progress.note or progress.phase,
            rows="" if progress.rows is None else f"{progress.rows:,} rows",
        )
