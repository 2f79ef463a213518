"""Sessions: what the commands on exports and jobs share, from their options to their end."""

import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from rich.console import Console

from penstock.client.commands.bar import Bar
from penstock.client.commands.ending import DONE, FAILED, key_in, say
from penstock.client.commands.get import summary
from penstock.client.commands.job_bars import Bars, JobDisplay, Lines, NoDisplay
from penstock.client.jobs.calls import ApiCalls
from penstock.client.jobs.fetching import fetch
from penstock.client.jobs.job_view import JobView
from penstock.client.jobs.jobs_api import JobLook, Jobs
from penstock.client.jobs.watching import watch
from penstock.client.jobs.words import ending_of
from penstock.client.transfer.options import DownloadOptions
from penstock.client.transfer.progress import Progress
from penstock.client.transfer.retry import RetryPolicy

URL_VARIABLE = "PENSTOCK_URL"
USUAL_URL = "http://localhost:8000"
RETRIES = 20
"""A job outlives a service that starts again, and so does who waits for it: about 7 minutes."""
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """The options that all these commands have."""

    url: str | None = None
    """Where the service is; None takes PENSTOCK_URL, or this machine's."""
    key_env: str | None = None
    quiet: bool = False
    as_json: bool = False
    force: bool = False

    def again(self, *words: str) -> str:
        """Write the command line that goes on with something, as it was asked for here."""
        line = ["penstock", "jobs", *words]
        if self.url is not None:
            line += ["--url", self.url]
        if self.key_env is not None:
            line += ["--key-env", self.key_env]
        return shlex.join(line)


class Session:
    """One command at its work: it asks the service, and shows what it is told."""

    def __init__(self, asked: JobOptions, *, retry: RetryPolicy | None = None) -> None:
        self.asked = asked
        self._console = Console(stderr=True)
        self._note: Callable[[str], None] = self._say
        self.begun: str | None = None
        """The job that was begun last, for what is said when the command is stopped."""
        self._patience = RetryPolicy(retries=RETRIES) if retry is None else retry
        self._options = DownloadOptions(
            key=key_in(os.environ, asked.key_env),
            replace=asked.force,
            retry=self._patience,
            report=self._report,
            timeout_seconds=TIMEOUT_SECONDS,
        )

    @contextmanager
    def jobs(self) -> Iterator[Jobs]:
        """Open what asks the service. Raises SetupError for a URL or key that can't be used."""
        url = self.asked.url or os.environ.get(URL_VARIABLE, "").strip() or USUAL_URL
        with ApiCalls(url, options=self._options) as calls:
            yield Jobs(calls)

    def watch(self, jobs: Jobs, begun: Sequence[JobLook]) -> list[JobView]:
        """Show jobs until all are over, and say how each ended; give them as they are then."""
        ended: list[JobView] = []
        shown = self._shown()
        with ExitStack() as stack:
            stack.enter_context(shown)
            self._note = shown.note
            stack.callback(setattr, self, "_note", self._say)
            for job in watch(jobs, begun, retry=self._patience):
                shown.show(job)
                if job.is_over:
                    ended.append(job)
        for job in ended:
            if not (self.asked.quiet and job.went_well):
                say(ending_of(job))
        return ended

    def fetch(self, jobs: Jobs, job_id: str, chosen: Sequence[str], output: str) -> int:
        """Download a result in these formats, and say of each what arrived; give the exit code."""

        def finish(further: JobLook) -> JobView:
            self.begun = further.job.id
            self._say("It is too large for one answer: a further job writes it as one file.")
            return self.watch(jobs, [further])[0]

        for name in chosen:
            started = time.monotonic()
            again = self.asked.again(job_id, "--format", name, "-o", output)
            with ExitStack() as stack:
                options = replace(
                    self._options, again=again, timeout_seconds=DownloadOptions().timeout_seconds
                )
                if self._console.is_terminal and not self.asked.quiet:
                    options = replace(options, report=stack.enter_context(Bar(self._console)).show)
                done = fetch(jobs, job_id, name, output, options=options, finish=finish)
            if not self.asked.quiet:
                say(summary(done, seconds=time.monotonic() - started))
        return DONE

    def _shown(self) -> JobDisplay:
        if self.asked.quiet:
            return NoDisplay()
        return Bars(self._console) if self._console.is_terminal else Lines(say)

    def _report(self, progress: Progress) -> None:
        if progress.phase == "waiting":
            self._note(progress.note)

    def _say(self, said: str) -> None:
        if not self.asked.quiet:
            say(said)


def code_of(jobs: Sequence[JobView]) -> int:
    """Give the exit code of jobs that are over: 0 if all went well."""
    return DONE if all(job.went_well for job in jobs) else FAILED
