"""Jobs of a service that is killed at random: asked for, cancelled, counted and read back."""

import hashlib
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from tests.flows.killed_service import KilledService, kill_database, owner_pid
from tests.long_runs import until

from penstock.errors import SetupError
from penstock.jobs.redrive import redrive
from penstock.local.jobs.ports import LocalJobs, local_jobs
from penstock.model.artifact import Artifact
from penstock.model.clock import utc_now
from penstock.model.job import Job
from penstock.model.job_state import WORKING
from penstock.ports import JobFilter

_CANCELLED_OF_A_HUNDRED = 8
_ALL = 100_000
_TO_BE_EXPECTED = ("stalled:", "recoverable:", "busy:")
"""Why a job may fail whose workers, or whose database, were killed too often."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One request for an export."""

    type: str
    params: Mapping[str, object] = field(default_factory=dict)
    formats: Sequence[str] = ()

    @property
    def body(self) -> dict[str, object]:
        """The request as it is sent."""
        return {"type": self.type, "params": dict(self.params), "formats": list(self.formats)}

    @property
    def name(self) -> str:
        """What tells it from other wishes."""
        return json.dumps(self.body, sort_keys=True)


@dataclass
class KilledJobs:
    """All jobs that were asked for, and what was done to those who worked on them."""

    service: KilledService
    jobs: LocalJobs
    chance: random.Random
    wishes: Sequence[Wish]
    asked: dict[str, Wish] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    kills: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    """What the job said that it was doing when its worker was killed."""
    redriven: int = 0
    read: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Digests of the rows of files, by the sums of those files."""

    def begin(self, wish: Wish | None = None) -> str:
        """Ask for a job, and ask again with the same key where no answer came."""
        wanted = wish or self.chance.choice(self.wishes)
        answer = self.service.ask(
            "POST",
            "/v1/exports",
            json=wanted.body,
            headers={"idempotency-key": f"wish-{len(self.asked)}"},
        )
        assert answer.status_code == 202, answer.text
        job_id = str(answer.json()["id"])
        assert job_id not in self.asked
        self.asked[job_id] = wanted
        return job_id

    def job(self, job_id: str) -> Job:
        """Give a job as it is stored."""
        return self.jobs.ports.store.get(self.service.tenant, job_id)

    def all_jobs(self) -> list[Job]:
        """Give every job of the home."""
        return self.jobs.ports.store.list(self.service.tenant, JobFilter(), limit=_ALL)

    def unfinished(self) -> list[Job]:
        """Give the jobs that are not over."""
        return [job for job, _ in self.jobs.ports.upkeep.unfinished()]

    def working(self) -> list[Job]:
        """Give the jobs that somebody works on."""
        return [job for job in self.unfinished() if job.state in WORKING]

    def kill_a_worker(self) -> bool:
        """Kill the worker of a job that is worked on just now; False if there was none by then."""
        working = self.working()
        if not working:
            return False
        job = self.chance.choice(working)
        pid = owner_pid(job.lease_owner)
        if pid is None or pid not in self.service.workers():
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills["worker"] += 1
            phase = job.progress.phase.partition(",")[0] or "none"
            self.phases["finalizing" if job.state == "FINALIZING" else phase] += 1
            return True
        return False

    def kill_all_workers(self) -> None:
        """Kill every worker at once."""
        for pid in self.service.workers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills["idle or other worker"] += 1

    def kill_service(self) -> None:
        """Kill the service, and start it again."""
        self.service.kill()
        self.kills["service"] += 1
        self.service.start()

    def kill_database(self) -> None:
        """Kill the demo's PostgreSQL."""
        self.kills["database"] += kill_database(self.service.home)

    def maybe_cancel(self) -> None:
        """Cancel one of the jobs that are not over, now and then."""
        if self.chance.randrange(100) < _CANCELLED_OF_A_HUNDRED and (left := self.unfinished()):
            job = self.chance.choice(left)
            answer = self.service.ask("POST", f"/v1/jobs/{job.id}/cancel")
            assert answer.status_code == 202, answer.text
            self.cancelled.add(job.id)

    def redrive_dead(self) -> int:
        """Try the jobs of all dead letters anew."""
        done = 0
        for letter in self.jobs.ports.letters.list(limit=_ALL):
            assert letter.reason.startswith(_TO_BE_EXPECTED), letter
            try:
                redrive(self.jobs.ports, letter, now=utc_now())
                done += 1
            except SetupError:
                # A second letter of a job that was redriven by the first one.
                self.jobs.ports.letters.take(letter.id)
        self.redriven += done
        return done

    def await_ends(self, *, seconds: float) -> None:
        """Wait until every job is over, those that failed tried anew."""

        def are_over() -> bool:
            return not self.unfinished() and not self.redrive_dead()

        try:
            until(are_over, what="every job ends", seconds=seconds)
        except BaseException as error:
            left = [(job.id, job.state, job.attempt, job.stalled) for job in self.unfinished()]
            error.add_note(f"{left}\n{self.service.log()}")
            raise

    def check(self, expected: Mapping[str, Mapping[str, str]]) -> Counter[str]:
        """Look at every job, its events and its files; give how many ended in which way.

        `expected` are the digests of each wish's files (`digests`) as nobody was killed.
        """
        stored = {job.id: job for job in self.all_jobs()}
        assert set(stored) == set(self.asked), "a job was lost, or made twice"
        for job_id, wish in self.asked.items():
            job = stored[job_id]
            names = self._events_of(job)
            if job.state == "CANCELLED":
                assert job_id in self.cancelled
                assert (names.count("job.cancelled"), names.count("job.succeeded")) == (1, 0)
                assert self.files(job) == [], job
                continue
            assert job.state == "SUCCEEDED", (job, self.service.log())
            assert (names.count("job.succeeded"), names.count("job.cancelled")) == (1, 0)
            wanted = sorted(["manifest.json", *(one.part for one in job.artifacts)])
            assert self.files(job) == wanted, job
            for one in job.artifacts:
                content = (self.folder(job) / one.part).read_bytes()
                assert (len(content), hashlib.sha256(content).hexdigest()) == (
                    one.bytes,
                    one.sha256,
                )
            assert self.digests(job) == expected[wish.name], job
        self._check_strays(stored)
        assert self.jobs.ports.letters.list(limit=1) == []
        return Counter(job.state for job in stored.values())

    def folder(self, job: Job) -> Path:
        """Give where a job's files stand."""
        return self.service.home / "store" / job.tenant / job.folder

    def files(self, job: Job) -> list[str]:
        """Give the names of everything below a job's folder, hidden things too."""
        folder = self.folder(job)
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

    def digests(self, job: Job) -> dict[str, str]:
        """Give what tells the rows of a job's files, whatever their order and their parts."""
        files: dict[str, list[Artifact]] = {}
        for one in job.artifacts:
            kind, _, rest = one.part.partition("-")
            # Behind the attempt's token, and for parts their number.
            name = "parts" if kind == "part" else rest.lstrip("0123456789")
            files.setdefault(name, []).append(one)
        return {name: self._digest_of(job, of_name) for name, of_name in files.items()}

    def _digest_of(self, job: Job, files: Sequence[Artifact]) -> str:
        # Files of the same bytes have the same rows: they are read once.
        same = tuple(one.sha256 for one in files)
        if same not in self.read:
            rows: Counter[str] = Counter()
            for one in files:
                place = self.folder(job) / one.part
                if place.suffix == ".parquet":
                    for batch in pq.ParquetFile(place).iter_batches():
                        rows.update(map(_said, batch.to_pylist()))
                else:
                    rows.update(place.read_text().splitlines())
            self.read[same] = _digest(rows)
        return self.read[same]

    def _events_of(self, job: Job) -> list[str]:
        events = self.jobs.ports.events.after(job.tenant, job.id, 0)
        seqs = [event.seq for event in events]
        assert seqs == sorted(set(seqs)), job
        waters = [event.high_water for event in events]
        assert waters == sorted(waters), job
        names: list[str] = [event.name for event in events]
        assert names[0] == "job.accepted"
        return names

    def _check_strays(self, stored: Mapping[str, Job]) -> None:
        exports = self.service.home / "store" / self.service.tenant / "exports"
        there = {place.name for place in exports.iterdir()}
        assert there <= {job.id for job in stored.values()}


def _said(row: dict[str, Any]) -> str:
    # A backup's list names its files and their sums, which hold the attempt's token.
    return repr({name: value for name, value in row.items() if name not in ("file", "sha256")})


def _digest(rows: Counter[str]) -> str:
    summed = hashlib.sha256()
    for row, count in sorted(rows.items()):
        summed.update(f"{count} {row}\n".encode())
    return f"{sum(rows.values())} rows, {summed.hexdigest()}"


@contextmanager
def killed_jobs(
    service: KilledService, wishes: Sequence[Wish], chance: random.Random
) -> Iterator[KilledJobs]:
    """Open a service's jobs for the body, beside the service."""
    with local_jobs(service.home) as jobs:
        yield KilledJobs(service=service, jobs=jobs, chance=chance, wishes=wishes)


def undisturbed(killed: KilledJobs) -> dict[str, dict[str, str]]:
    """Have each wish's job done while nobody is killed; give the digests of its files."""
    ids = {wish.name: killed.begin(wish) for wish in killed.wishes}
    killed.await_ends(seconds=300)
    digests = {name: killed.digests(killed.job(job_id)) for name, job_id in ids.items()}
    assert all(digests.values())
    return digests
