"""Jobs walk through AWS's adapters as they do through the embedded ones."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.aws_job_homes import fresh_queue, received
from tests.aws_tables import client_of, fresh_name, make_jobs_table, make_sockets_table
from tests.management_api import ManagementApi, management_api
from tests.moving_clock import Clock
from tests.s3_parts import emptied_bucket
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY, StandIn

from penstock.aws.jobs.databases import SsmDatabases
from penstock.aws.jobs.dead_letters import SqsDeadLetters
from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.outputs import S3Outputs
from penstock.aws.jobs.queue import SqsDispatch
from penstock.aws.jobs.socket_events import SocketEvents
from penstock.aws.jobs.sockets import DynamoSockets
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.jobs.upkeep import DynamoJobUpkeep
from penstock.aws.jobs.used_keys import DynamoUsedKeys
from penstock.aws.services.clients import Clients
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.errors import PermanentError, UnknownJobError
from penstock.jobs.cancel import cancel, discard
from penstock.jobs.redrive import redrive
from penstock.jobs.rules import JobRules
from penstock.jobs.run import RunOutcome, run
from penstock.jobs.submit import Submission, submit
from penstock.jobs.sweep import SweepCounts, Sweeper, sweep
from penstock.jobs.worker import Work, Worker
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.job import SIZES, Job
from penstock.model.message import message_from, message_of
from penstock.ports import JobPorts, Listener

BUCKET = "jobs-on-aws"
ARTIFACT = Artifact(part="part-000001-00000.parquet", rows=3, bytes=4, sha256="00" * 32)


@dataclass(slots=True, kw_only=True)
class Stack:
    """The jobs of a stack on stand-ins, and a clock that tests move."""

    ports: JobPorts
    sockets: DynamoSockets
    queue: str
    sqs: Any
    s3: Any
    api: ManagementApi
    clock: Clock
    seconds: float = 1000.0

    def submit(self) -> Job:
        wanted = Submission(
            tenant="acme",
            user="ada",
            kind="export",
            type="premium-pay",
            params={"year": 2026},
            size="small",
        )
        return submit(self.ports, wanted, now=self.clock())

    def run_next(self, work: Work) -> RunOutcome:
        """Work on the one message that is due."""
        (body,) = received(self.sqs, self.queue)
        message = message_from(body)
        assert message is not None
        return run(self.worker(work), message)

    def worker(self, work: Work) -> Worker:
        return Worker(
            ports=self.ports,
            works={"export": work},
            rules=JobRules(report_seconds=0.01, drain_seconds=5),
            owner="w1",
            now=self.clock,
        )

    def sweep(self, *, after: float) -> SweepCounts:
        self.seconds += after
        self.clock.time += timedelta(seconds=after)
        return sweep(
            Sweeper(
                ports=self.ports,
                rules=JobRules(),
                observer="here",
                seconds=lambda: self.seconds,
                now=self.clock,
            )
        )

    def latest(self, job: Job) -> Job:
        return self.ports.store.get(job.tenant, job.id)

    def files(self, job: Job) -> list[str]:
        prefix = f"{job.tenant}/{job.folder}/"
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [each["Key"].removeprefix(prefix) for each in listed]

    def heard(self, socket_id: str) -> list[str]:
        """What was told, each once, progress left out."""
        events = {json.loads(said)["seq"]: json.loads(said) for said in self.api.posted[socket_id]}
        names = [events[seq]["event"] for seq in sorted(events)]
        return [name for name in names if name != "job.progress"]


@pytest.fixture
def stack(
    aws_server: StandIn, s3_server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stack]:
    for name, value in {
        "AWS_ENDPOINT_URL": aws_server.endpoint,
        "AWS_ENDPOINT_URL_S3": s3_server.endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    dynamodb, sqs = client_of(aws_server, "dynamodb"), client_of(aws_server, "sqs")
    jobs_table, sockets_table = fresh_name("jobs"), fresh_name("sockets")
    make_jobs_table(dynamodb, name=jobs_table)
    make_sockets_table(dynamodb, name=sockets_table)
    queue, dead_letters = (fresh_queue(sqs, name) for name in ("jobs", "dead"))
    clients, clock = Clients(), Clock()
    records, listening = (
        DynamoTable(clients.of("dynamodb"), table) for table in (jobs_table, sockets_table)
    )
    sockets = DynamoSockets(listening, now=clock)
    with management_api() as api:
        management = clients.of("apigatewaymanagementapi", endpoint=api.endpoint, read_seconds=2)
        yield Stack(
            ports=JobPorts(
                store=DynamoJobStore(records),
                used_keys=DynamoUsedKeys(records),
                events=DynamoJobEvents(records),
                upkeep=DynamoJobUpkeep(records),
                dispatch=SqsDispatch(
                    client=clients.of("sqs"),
                    queues=dict.fromkeys(SIZES, queue),
                    dead_letters=dead_letters,
                ),
                letters=SqsDeadLetters(client=clients.of("sqs"), url=dead_letters),
                publisher=SocketEvents(client=management, sockets=sockets),
                outputs=S3Outputs(client=clients.of("s3", read_seconds=60), bucket=BUCKET),
                databases=SsmDatabases(
                    client=clients.of("ssm"), environment="dev", seconds=60, now=clock
                ),
            ),
            sockets=sockets,
            queue=queue,
            sqs=sqs,
            s3=emptied_bucket(s3_server, BUCKET),
            api=api,
            clock=clock,
        )


def writes(stack: Stack) -> Work:
    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        job, outputs = attempt.job, stack.ports.outputs
        attempt.progress(3, total=3, phase="reading")
        outputs.write(job.tenant, f"{job.folder}/{ARTIFACT.part}", [b"rows"])
        attempt.checkpoint({"rows": 3}, (ARTIFACT,))
        attempt.finalize()
        outputs.create(job.tenant, f"{job.folder}/manifest.json", b"{}")
        return (ARTIFACT,)

    return work


def refuses(_attempt: Attempt) -> tuple[Artifact, ...]:
    raise PermanentError("There is no such column.")


def test_a_job_is_done_and_its_user_hears_of_each_step(stack: Stack) -> None:
    stack.sockets.opened("ada=", Listener(tenant="acme", user="ada", is_admin=False))
    stack.sockets.opened("bob=", Listener(tenant="acme", user="bob", is_admin=False))
    job = stack.submit()
    assert job.state == "QUEUED"
    ran = stack.run_next(writes(stack))
    assert (ran.outcome, ran.fault) == ("succeeded", None)
    done = stack.latest(job)
    assert (done.state, done.artifacts, done.high_water) == ("SUCCEEDED", (ARTIFACT,), 3)
    assert stack.files(job) == ["manifest.json", ARTIFACT.part]
    assert stack.heard("ada=") == ["job.accepted", "job.started", "job.succeeded"]
    assert stack.heard("bob=") == []
    assert stack.ports.events.unpublished(limit=10) == []


def test_a_message_that_comes_again_changes_nothing(stack: Stack) -> None:
    job = stack.submit()
    stack.run_next(writes(stack))
    done = stack.latest(job)
    ran = run(stack.worker(refuses), message_of(job))
    assert ran.outcome == "repeated"
    assert stack.latest(job) == done


def test_a_job_whose_worker_died_is_begun_anew_once_its_lease_has_lapsed(stack: Stack) -> None:
    job = stack.submit()
    received(stack.sqs, stack.queue)
    claimed = job.claimed(owner="dead", now=stack.clock())
    stack.ports.store.advance(claimed, was_version=job.version, fencing_token=job.fencing_token)
    assert stack.sweep(after=0).stalled == 0
    assert stack.sweep(after=59).stalled == 0
    assert stack.sweep(after=2).stalled == 1
    assert stack.run_next(writes(stack)).outcome == "succeeded"
    done = stack.latest(job)
    assert (done.state, done.attempt) == ("SUCCEEDED", 2)


def test_a_message_that_got_lost_is_sent_again(stack: Stack) -> None:
    job = stack.submit()
    received(stack.sqs, stack.queue)
    stack.sweep(after=0)
    assert stack.sweep(after=181).dispatched == 1
    assert stack.run_next(writes(stack)).outcome == "succeeded"
    assert stack.latest(job).state == "SUCCEEDED"


def test_a_job_that_failed_for_good_is_a_dead_letter_and_can_be_redriven(stack: Stack) -> None:
    job = stack.submit()
    assert stack.run_next(refuses).outcome == "failed"
    assert stack.files(job) == []
    (letter,) = stack.ports.letters.list(limit=10)
    assert letter.reason == "permanent: There is no such column."
    redrive(stack.ports, letter, now=stack.clock())
    assert stack.ports.letters.list(limit=10) == []
    assert stack.run_next(writes(stack)).outcome == "succeeded"


def test_a_cancelled_job_leaves_no_file(stack: Stack) -> None:
    def cancelled_meanwhile(attempt: Attempt) -> tuple[Artifact, ...]:
        job, outputs = attempt.job, stack.ports.outputs
        outputs.write(job.tenant, f"{job.folder}/{ARTIFACT.part}", [b"rows"])
        cancel(stack.ports, stack.latest(job), now=stack.clock())
        attempt.finalize()
        return (ARTIFACT,)

    job = stack.submit()
    assert stack.run_next(cancelled_meanwhile).outcome == "cancelled"
    assert (stack.latest(job).state, stack.files(job)) == ("CANCELLED", [])


def test_files_and_rows_are_kept_for_their_time(stack: Stack) -> None:
    job = stack.submit()
    stack.run_next(writes(stack))
    week, quarter = (timedelta(days=days).total_seconds() for days in (7, 84))
    assert stack.sweep(after=week - 1).expired == 0
    assert stack.sweep(after=1).expired == 1
    assert (stack.latest(job).state, stack.files(job)) == ("EXPIRED", [])
    assert stack.sweep(after=quarter).forgotten == 1
    with pytest.raises(UnknownJobError):
        stack.latest(job)


def test_a_discarded_job_leaves_nothing(stack: Stack) -> None:
    job = stack.submit()
    stack.run_next(writes(stack))
    discard(stack.ports, stack.latest(job), now=stack.clock())
    discard(stack.ports, job, now=stack.clock())
    assert stack.files(job) == []
    assert stack.ports.events.after("acme", job.id, -1) == []
    with pytest.raises(UnknownJobError):
        stack.latest(job)
