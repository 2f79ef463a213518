"""Watching: jobs are looked at until all of them are over."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from penstock.client.jobs.job_view import JobView
from penstock.client.jobs.jobs_api import JobLook
from penstock.client.transfer.retry import RetryPolicy

FIRST_SECONDS = 0.06
RUNNING_SECONDS = 1.0
MOST_SECONDS = 5.0
GROWTH = 1.5
"""No job's end is noticed later than by half of the time that it took."""
A_JOB_SECONDS = 0.15
"""The pause grows with the jobs that are watched: a key has 600 requests a minute."""


class LooksAtJobs(Protocol):
    """What looks at a job again."""

    def look_again(self, before: JobLook) -> JobLook | None:
        """Look at a job; None if it is unchanged since `before`."""
        ...


def watch(jobs: LooksAtJobs, begun: Sequence[JobLook], *, retry: RetryPolicy) -> Iterator[JobView]:
    """Yield each job as it is now, and again whenever it changed, until all are over.

    The pause between two rounds of looks is short at first and grows to a second, since many a job
    is over by then. From there on it is a second while something happens, and grows to five while
    nothing does. It is never shorter than the service asks for, but for a second or less at first.
    What each look raises comes through.
    """
    running = {looked.job.id: looked for looked in begun}
    for job_id, looked in list(running.items()):
        yield looked.job
        if looked.job.is_over:
            del running[job_id]
    pause, begins = FIRST_SECONDS, True
    while running:
        asked = max(looked.wait_seconds or 0 for looked in running.values())
        if begins and asked <= RUNNING_SECONDS:
            asked = 0
        least = max(asked, A_JOB_SECONDS * (len(running) - begins))
        retry.sleep(min(max(pause, least), retry.longest_wait_seconds))
        has_changed = False
        for job_id, before in list(running.items()):
            looked_again = jobs.look_again(before)
            if looked_again is None:
                continue
            has_changed = True
            running[job_id] = looked_again
            yield looked_again.job
            if looked_again.job.is_over:
                del running[job_id]
        pause *= GROWTH
        begins = begins and pause < RUNNING_SECONDS
        if not begins:
            pause = RUNNING_SECONDS if has_changed else min(MOST_SECONDS, pause)
