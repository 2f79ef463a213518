"""A job: work that outlives its request, and the pure steps between its states.

Each step gives a new Job with the next version; a store takes it only in place of the version that
it was made from, under the fencing token of that version. A step that the states don't allow raises
JobStateError.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from penstock.errors import JobStateError
from penstock.model.artifact import Artifact
from penstock.model.fault import JobFault
from penstock.model.job_state import SUCCESSFUL, TERMINAL, WAITING, WORKING, JobState
from penstock.model.progress import Progress, first_seq

JobKind = Literal["export", "import", "exchange"]
SizeClass = Literal["small", "medium", "large"]
"""What a job takes: small and medium ones fit one function, large ones are done in parts."""

SIZES: tuple[SizeClass, ...] = get_args(SizeClass)

ANONYMOUS = "anonymous"
"""The user of jobs that a visitor without a key asked for; who knows such a job's id owns it."""

KEY_KEPT = timedelta(hours=24)
"""How long an idempotency key stands for the job that it began, from when the job was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as stored; `params` and `checkpoint` hold what JSON can hold."""

    id: str
    tenant: str
    user: str
    kind: JobKind
    type: str
    params: Mapping[str, Any]
    params_hash: str
    size: SizeClass
    created: datetime
    visitor: str | None = None
    """Which of those who have no name of their own asked for it: what is counted of an address."""
    idempotency_key: str | None = None
    request_hash: str | None = None
    """Digest of the request as it came, where it had an idempotency key; older jobs have none."""
    dataset_version: str | None = None
    """The version of the dataset that a slice is read from, pinned when it was asked for."""

    state: JobState = "ACCEPTED"
    version: int = 1
    step: str = ""
    """Names the step that was stored last: whoever took it knows it again by this."""
    attempt: int = 0
    fencing_token: int = 0
    dispatches: int = 0
    """How often the job's present attempt was handed to a queue."""
    lease_owner: str | None = None
    heartbeat: int = 0
    """Counts up while the lease's owner is alive; its rest, not a clock, ends the lease."""
    heartbeat_at: datetime | None = None
    """By the owner's clock, for people alone."""
    stalled: bool = False
    checkpoint: Mapping[str, Any] | None = None

    progress: Progress = Progress()
    high_water: int = 0
    """The most that was ever done: a bar shows it, and it never goes back."""

    started: datetime | None = None
    ended: datetime | None = None
    error: JobFault | None = None
    artifacts: tuple[Artifact, ...] = field(default=())
    expires_at: datetime | None = None
    """When the files of a finished job go."""
    cancel_requested_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.state in TERMINAL

    @property
    def has_result(self) -> bool:
        """Whether its files are there."""
        return self.state in SUCCESSFUL

    @property
    def folder(self) -> str:
        """Where its files stand, below its tenant's place in the store."""
        return f"{self.kind}s/{self.id}"

    @property
    def dataset(self) -> str:
        """What its result is called as a dataset."""
        return self.folder

    def queued(self) -> "Job":
        """Say that the job was handed to a queue (again)."""
        return self._step(
            from_=WAITING, state="QUEUED", dispatches=self.dispatches + 1, stalled=False
        )

    def claimed(self, *, owner: str, now: datetime) -> "Job":
        """Begin an attempt: whoever stores this holds the lease, and older tokens are void."""
        return self._step(
            from_=WAITING,
            state="RUNNING",
            attempt=self.attempt + 1,
            fencing_token=self.fencing_token + 1,
            lease_owner=owner,
            heartbeat=0,
            heartbeat_at=now,
            stalled=False,
            started=self.started or now,
            error=None,
            progress=Progress(
                seq=max(self.progress.seq + 1, first_seq(self.attempt + 1)),
                total=self.progress.total,
                phase="starting",
            ),
        )

    def checkpointed(self, checkpoint: Mapping[str, Any], artifacts: tuple[Artifact, ...]) -> "Job":
        """Keep what a later attempt may go on from."""
        return self._step(from_=WORKING, checkpoint=checkpoint, artifacts=artifacts)

    def finalizing(self) -> "Job":
        """Say that all is read, and the result is being made visible."""
        return self._step(from_=frozenset(("RUNNING",)), state="FINALIZING", seq=True)

    def succeeded(
        self, artifacts: tuple[Artifact, ...], *, now: datetime, expires_at: datetime
    ) -> "Job":
        """End well; with rejected records it says so."""
        rejected = self.progress.rejected
        return self._step(
            from_=WORKING,
            state="SUCCEEDED_WITH_REJECTS" if rejected else "SUCCEEDED",
            artifacts=artifacts,
            checkpoint=None,
            lease_owner=None,
            ended=now,
            expires_at=expires_at,
            error=None,
            seq=True,
        )

    def failed(self, fault: JobFault, *, now: datetime) -> "Job":
        """End for good."""
        return self._step(
            from_=WAITING | WORKING,
            state="FAILED",
            fencing_token=self.fencing_token + 1,
            lease_owner=None,
            ended=now,
            error=fault,
            stalled=False,
            seq=True,
        )

    def requeued(self, fault: JobFault | None) -> "Job":
        """Give the lease up for another attempt; the old token is void from then on."""
        return self._step(
            from_=WORKING,
            state="QUEUED",
            fencing_token=self.fencing_token + 1,
            lease_owner=None,
            dispatches=0,
            error=fault,
            seq=True,
        )

    def handed_back(self) -> "Job":
        """Give the lease up through no fault of the job's: the attempt doesn't count."""
        return replace(self.requeued(None), attempt=self.attempt - 1)

    def stalling(self) -> "Job":
        """Flag an attempt whose owner shows no life any more, and take its lease away."""
        return replace(self.requeued(None), stalled=True)

    def redriven(self) -> "Job":
        """Try a failed job anew, with as many attempts as a new one."""
        return self._step(
            from_=frozenset(("FAILED",)),
            state="QUEUED",
            attempt=0,
            fencing_token=self.fencing_token + 1,
            dispatches=0,
            checkpoint=None,
            artifacts=(),
            ended=None,
            error=None,
            seq=True,
        )

    def cancelling(self, *, now: datetime) -> "Job":
        """Ask the attempt to end; a job that no one works on can be `cancelled` at once."""
        return self._step(
            from_=WAITING | WORKING, state="CANCELLING", cancel_requested_at=now, seq=True
        )

    def cancelled(self, *, now: datetime) -> "Job":
        """End because it was asked for; whoever still works on it holds a void token."""
        return self._step(
            from_=frozenset(("CANCELLING",)),
            state="CANCELLED",
            fencing_token=self.fencing_token + 1,
            lease_owner=None,
            artifacts=(),
            checkpoint=None,
            ended=now,
            stalled=False,
            seq=True,
        )

    def expired(self) -> "Job":
        """Say that the files are gone."""
        return self._step(from_=SUCCESSFUL, state="EXPIRED", artifacts=(), seq=True)

    def reported(self, progress: Progress, *, now: datetime) -> "Job":
        """Take an attempt's word on how far it is, which is also its sign of life."""
        return replace(
            self,
            version=self.version + 1,
            heartbeat=self.heartbeat + 1,
            heartbeat_at=now,
            progress=progress,
            high_water=max(self.high_water, progress.done),
        )

    def _step(self, *, from_: frozenset[JobState], seq: bool = False, **changed: Any) -> "Job":
        if self.state not in from_:
            raise JobStateError(self.id, state=self.state, wanted=changed.get("state", self.state))
        if seq:
            # What happens to a job is told in order: each event has a number of its own.
            changed["progress"] = replace(self.progress, seq=self.progress.seq + 1)
        return replace(self, version=self.version + 1, **changed)


def hash_of(params: Mapping[str, Any]) -> str:
    """Give the SHA-256 of parameters, in base16; their order doesn't count."""
    canonical = json.dumps(params, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
