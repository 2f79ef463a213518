"""The command `penstock get`, from its options to its exit code."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from penstock.client.commands.bar import Bar
from penstock.client.commands.ending import DONE, ended, key_in, say
from penstock.client.files.download import download
from penstock.client.transfer.coding import WantedCoding
from penstock.client.transfer.options import DownloadOptions
from penstock.client.transfer.outcome import Downloaded
from penstock.client.transfer.progress import Progress
from penstock.client.transfer.retry import RetryPolicy
from penstock.client.transfer.stream import download_to

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


def get(
    url: str,
    output: str | None = None,
    *,
    key_env: str | None = None,
    retries: int = 8,
    quiet: bool = False,
    force: bool = False,
    coding: WantedCoding = "auto",
) -> int:
    """Download `url` and say on standard error, in one line, how it went; give the exit code.

    `output` is a file, a folder, `-` for standard output, or None for the current folder. The key
    comes from the variable that `key_env` names, or PENSTOCK_KEY. Codes: 0 done (also if there was
    no receipt to check, which the line says), 1 failed, 2 can't be begun, 130 interrupted.
    `quiet` leaves out the bar and the line of a success, never that of a failure.
    """
    console = Console(stderr=True)
    seen = _Seen()
    started = time.monotonic()

    def body() -> int:
        options = DownloadOptions(
            key=key_in(os.environ, key_env),
            coding=coding,
            replace=force,
            retry=RetryPolicy(retries=retries),
            report=seen.note,
        )
        with ExitStack() as stack:
            if console.is_terminal and not quiet:
                seen.pass_on = stack.enter_context(Bar(console)).show
            done = _run(url, output, options)
        if not quiet:
            say(summary(done, seconds=time.monotonic() - started))
        return DONE

    def interrupted() -> str:
        kept = output != "-" and seen.bytes > 0
        goes_on = " What arrived is kept: the same command goes on there, if the server lets it."
        return f"Stopped.{goes_on if kept else ''}"

    return ended("penstock get", body, interrupted=interrupted)


def summary(done: Downloaded, *, seconds: float) -> str:
    """Say in one line what arrived and whether the server's receipt agrees."""
    facts = [] if done.rows is None else [f"{done.rows:,} rows"]
    facts.append(_size(done.bytes))
    if done.coded_bytes != done.bytes:
        facts.append(f"{_size(done.coded_bytes)} over the network")
    facts.append(f"{seconds:.1f} s")
    if done.resumed_times:
        facts.append(f"breaks overcome: {done.resumed_times}")
    name = "standard output" if done.path is None else done.path.name
    told = "the receipt" if done.receipt_id is not None else "what the service told before"
    proof = (
        f"verified: sha256 {done.sha256} matches {told}"
        if done.verified
        else f"not verified: {done.unverified_because}; sha256 {done.sha256}"
    )
    return f"{name}: {', '.join(facts)}; {proof}"


class _Seen:
    """The newest progress, for what is said at the end."""

    def __init__(self) -> None:
        self.bytes = 0
        self.pass_on: Callable[[Progress], None] | None = None

    def note(self, progress: Progress) -> None:
        self.bytes = progress.done_bytes
        if self.pass_on is not None:
            self.pass_on(progress)


def _run(url: str, output: str | None, options: DownloadOptions) -> Downloaded:
    if output == "-":
        # The raw descriptor: nothing is left in a buffer when the reader goes away.
        with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as out:
            return download_to(url, out, options=options)
    return download(url, None if output is None else Path(output), options=options)


def _size(count: int) -> str:
    value, unit = float(count), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"
