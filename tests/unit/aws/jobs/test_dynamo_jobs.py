import json
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import given
from hypothesis import strategies as st
from tests.aws_tables import fresh_name, make_jobs_table
from tests.job_homes import JobRecords, a_job, added, claimed, moved, progress_of
from tests.lost_answers import answer_of, lose_first_answer, patient_client
from tests.moving_clock import START
from tests.stand_ins import StandIn
from tests.unit.aws.watched_client import Watched

from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.items import attributes_of, job_of, lasting_attributes_of, shards
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.jobs.upkeep import DynamoJobUpkeep
from penstock.aws.jobs.used_keys import DynamoUsedKeys
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.errors import (
    BusyError,
    ContendedError,
    IdempotencyPendingError,
    PermanentError,
    StaleJobError,
)
from penstock.model.artifact import Artifact
from penstock.model.fault import JobFault
from penstock.model.job import KEY_KEPT, Job
from penstock.model.job_id import logged_id
from penstock.model.progress import Progress

CONFLICT = "TransactionConflictException"
LATER = START + timedelta(minutes=1)


@pytest.fixture
def watched(aws_server: StandIn) -> Watched:
    return Watched(aws_server, "dynamodb")


@pytest.fixture
def table(watched: Watched) -> str:
    name = fresh_name("jobs")
    make_jobs_table(watched.client, name=name)
    watched.counted()
    return name


def opened(client: Any, table: str) -> JobRecords:
    records = DynamoTable(client, table)
    return JobRecords(
        store=DynamoJobStore(records),
        used_keys=DynamoUsedKeys(records),
        events=DynamoJobEvents(records),
        upkeep=DynamoJobUpkeep(records),
    )


@pytest.fixture
def jobs(watched: Watched, table: str) -> JobRecords:
    return opened(watched.client, table)


def items_of(watched: Watched, table: str) -> list[Any]:
    found: list[Any] = watched.client.scan(TableName=table)["Items"]
    return found


def many_artifacts(count: int) -> tuple[Artifact, ...]:
    return tuple(
        Artifact(
            part=f"part-000001-{number:05}.parquet",
            rows=5_000_000 + number * 17,
            bytes=256_000_000 + number * 1_234_567,
            sha256=secrets.token_hex(32),
        )
        for number in range(count)
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 2**62)
moments = st.datetimes().map(lambda when: when.replace(tzinfo=START.tzinfo))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
whole_jobs = st.builds(
    Job,
    id=texts,
    tenant=texts,
    user=texts,
    kind=st.sampled_from(["export", "import", "exchange"]),
    type=texts,
    params=st.dictionaries(texts, values, max_size=4),
    params_hash=texts,
    size=st.sampled_from(["small", "medium", "large"]),
    created=moments,
    idempotency_key=st.none() | texts,
    dataset_version=st.none() | texts,
    state=st.sampled_from(["ACCEPTED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLING", "EXPIRED"]),
    version=numbers,
    attempt=numbers,
    fencing_token=numbers,
    dispatches=numbers,
    lease_owner=st.none() | texts,
    heartbeat=numbers,
    heartbeat_at=st.none() | moments,
    stalled=st.booleans(),
    checkpoint=st.none() | st.dictionaries(texts, values, max_size=3),
    progress=st.builds(
        Progress,
        seq=numbers,
        done=numbers,
        total=st.none() | numbers,
        rejected=numbers,
        bytes=numbers,
        phase=texts,
    ),
    high_water=numbers,
    started=st.none() | moments,
    ended=st.none() | moments,
    error=st.none()
    | st.builds(
        JobFault,
        code=texts,
        kind=st.sampled_from(["recoverable", "permanent", "unforeseen"]),
        message=texts,
        retryable=st.booleans(),
    ),
    artifacts=st.sampled_from([0, 1, 70]).map(many_artifacts),
    expires_at=st.none() | moments,
    cancel_requested_at=st.none() | moments,
)


@given(whole_jobs)
def test_a_job_is_read_from_its_item_as_it_was_written(job: Job) -> None:
    assert job_of(lasting_attributes_of(job) | attributes_of(job)) == job


def test_a_job_with_thousands_of_artifacts_is_stored_and_one_with_more_is_refused(
    jobs: JobRecords,
) -> None:
    job = claimed(jobs, added(jobs))
    job = moved(jobs, job, job.checkpointed({"rows": 1}, many_artifacts(5_000)))
    assert jobs.store.get("acme", job.id) == job
    with pytest.raises(PermanentError):
        moved(jobs, job, job.checkpointed({"rows": 1}, many_artifacts(9_000)))
    job = moved(jobs, job, job.checkpointed({"rows": 2}, many_artifacts(3)))
    assert jobs.store.get("acme", job.id) == job


@pytest.mark.parametrize(
    "damaged",
    [
        {"body": {"S": "{poison"}},
        {"body": {"S": "{}"}},
        {"word": {"S": "[1]"}},
        {"packed": {"B": b"no zlib"}},
    ],
    ids=["no-json", "no-job", "no-object", "no-zlib"],
)
def test_a_job_that_can_not_be_read_is_passed_over_and_told_of(
    jobs: JobRecords,
    watched: Watched,
    table: str,
    damaged: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    lost, other = added(jobs, a_job()), added(jobs, a_job())
    [item] = [item for item in items_of(watched, table) if item["place"]["S"].endswith(lost.id)
              and item["part"]["S"] == "job"]  # fmt: skip
    watched.client.put_item(TableName=table, Item=item | damaged)

    assert [job for job, _ in jobs.upkeep.unfinished()] == [other]
    assert [record.job_id for record in caplog.records] == [logged_id(lost.id)]  # type: ignore[attr-defined] # what is logged beside the words


def test_calls_are_few(jobs: JobRecords, watched: Watched) -> None:
    job = added(jobs, a_job(key="k"))
    assert watched.counted() == ["TransactWriteItems"]
    job = moved(jobs, job, job.queued())
    assert watched.counted() == ["UpdateItem"]
    job = claimed(jobs, job)
    assert watched.counted() == ["TransactWriteItems"]
    jobs.store.report("acme", job.id, progress_of(job, 5, counter=1), fencing_token=1, now=LATER)
    assert watched.counted() == ["UpdateItem"]
    jobs.store.get("acme", job.id)
    assert watched.counted() == ["GetItem"]


def test_a_report_below_the_high_water_takes_one_more_call_and_the_mark_stays(
    jobs: JobRecords, watched: Watched
) -> None:
    job = claimed(jobs, added(jobs))
    jobs.store.report("acme", job.id, progress_of(job, 50, counter=1), fencing_token=1, now=LATER)
    watched.counted()
    low = jobs.store.report(
        "acme", job.id, progress_of(job, 20, counter=2), fencing_token=1, now=LATER
    )
    assert watched.counted() == ["UpdateItem", "UpdateItem"]
    assert (low.progress.done, low.high_water) == (20, 50)
    old = jobs.store.report(
        "acme", job.id, progress_of(job, 10, counter=1), fencing_token=1, now=LATER
    )
    assert watched.counted() == ["UpdateItem"]
    assert old == low


def failing(times: int, *names: str, code: str = CONFLICT) -> Callable[[str], str | None]:
    left = Counter(dict.fromkeys(names, times))

    def fails(name: str) -> str | None:
        left[name] -= 1
        return code if left[name] >= 0 else None

    return fails


def test_writes_that_meet_others_are_tried_again(jobs: JobRecords, watched: Watched) -> None:
    watched.fails = failing(3, "TransactWriteItems", "UpdateItem")
    job = claimed(jobs, added(jobs))
    told_of = jobs.store.report(
        "acme", job.id, progress_of(job, 5, counter=1), fencing_token=1, now=LATER
    )
    assert told_of.progress.done == 5
    assert Counter(watched.counted()) == {"TransactWriteItems": 5, "UpdateItem": 4}


def test_writes_that_meet_others_each_time_are_busy_and_store_nothing(
    jobs: JobRecords, watched: Watched
) -> None:
    job = added(jobs)
    watched.fails = failing(100, "TransactWriteItems", "UpdateItem")
    with pytest.raises(ContendedError):
        claimed(jobs, job)
    with pytest.raises(ContendedError):
        moved(jobs, job, job.queued())
    with pytest.raises(ContendedError):
        added(jobs)
    with pytest.raises(IdempotencyPendingError):
        added(jobs, a_job(key="k"))
    watched.fails = lambda _: None
    assert [each for each, _ in jobs.upkeep.unfinished()] == [job]


def test_who_meets_others_over_a_key_gets_the_job_that_they_stored(
    jobs: JobRecords, watched: Watched
) -> None:
    first = added(jobs, a_job(key="k"))
    watched.fails = failing(100, "TransactWriteItems")
    assert added(jobs, a_job(key="k")) == first


@pytest.mark.parametrize(
    "name", ["TransactWriteItems", "UpdateItem", "GetItem", "Query", "BatchGetItem"]
)
def test_a_table_that_refuses_is_busy(jobs: JobRecords, watched: Watched, name: str) -> None:
    job = claimed(jobs, added(jobs))
    watched.fails = failing(100, name, code="ThrottlingException")

    def everything() -> None:
        step = job.checkpointed({}, ())
        jobs.store.advance(step, was_version=job.version, fencing_token=1)
        added(jobs)
        jobs.store.get("acme", job.id)
        jobs.events.unpublished(limit=10)

    with pytest.raises(BusyError):
        everything()


def test_a_step_whose_answer_was_lost_is_known_as_stored(
    aws_server: StandIn, jobs: JobRecords, table: str
) -> None:
    job = added(jobs)
    client = patient_client("dynamodb", aws_server.endpoint)
    lose_first_answer(client, "dynamodb.UpdateItem")
    theirs = opened(client, table)
    queued = moved(theirs, job, job.queued())
    assert jobs.store.get("acme", job.id) == queued
    with pytest.raises(StaleJobError):
        moved(theirs, job, job.queued())


def test_a_transaction_that_is_sent_again_is_known_by_its_token(
    aws_server: StandIn, table: str
) -> None:
    client = patient_client("dynamodb", aws_server.endpoint)
    tokens: list[str] = []

    def fail(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        assert isinstance(request.body, bytes | str)
        tokens.append(json.loads(request.body)["ClientRequestToken"])
        return answer_of(request, 500) if len(tokens) == 1 else None

    client.meta.events.register_first("before-send.dynamodb.TransactWriteItems", fail)
    theirs = opened(client, table)
    job = added(theirs)
    assert len(tokens) == 2
    assert tokens[0] == tokens[1]
    claimed(theirs, job)
    assert tokens[2] != tokens[1]


def test_a_report_whose_answer_was_lost_counts_once(
    aws_server: StandIn, jobs: JobRecords, table: str
) -> None:
    job = claimed(jobs, added(jobs))
    client = patient_client("dynamodb", aws_server.endpoint)
    lose_first_answer(client, "dynamodb.UpdateItem")
    progress = progress_of(job, 5, counter=1)
    stored = opened(client, table).store.report(
        "acme", job.id, progress, fencing_token=1, now=LATER
    )
    assert stored == job.reported(progress, now=LATER)
    assert jobs.store.get("acme", job.id) == stored


def test_a_key_is_kept_for_a_day_and_then_removed_by_the_table(
    jobs: JobRecords, watched: Watched, table: str
) -> None:
    added(jobs, a_job(key="k"))
    added(jobs, a_job())
    (key,) = (item for item in items_of(watched, table) if "forgotten" in item)
    assert key["part"] == {"S": "key"}
    assert int(key["forgotten"]["N"]) >= (START + KEY_KEPT).timestamp()


def test_a_removed_job_leaves_nothing_but_its_key_which_the_table_removes(
    jobs: JobRecords, watched: Watched, table: str
) -> None:
    early = claimed(jobs, added(jobs, a_job(key="k")))
    late = added(jobs, a_job(key="k", created=START + KEY_KEPT))
    jobs.upkeep.remove("acme", early.id)
    assert {item["place"]["S"] for item in items_of(watched, table)} == {
        f"acme#{late.id}",
        next(item["place"]["S"] for item in items_of(watched, table) if item["part"]["S"] == "key"),
    }
    assert added(jobs, a_job(key="k", created=START + KEY_KEPT)) == late
    jobs.upkeep.remove("acme", late.id)
    (key,) = items_of(watched, table)
    assert (key["part"], key["job"]) == ({"S": "key"}, {"S": late.id})
    assert "forgotten" in key


def test_a_removal_that_broke_off_is_done_by_the_next_one(
    jobs: JobRecords, watched: Watched, table: str
) -> None:
    job = claimed(jobs, added(jobs, a_job(key="k")))
    for name in ("BatchWriteItem", "DeleteItem"):
        watched.fails = failing(100, name, code="ThrottlingException")
        with pytest.raises(BusyError):
            jobs.upkeep.remove("acme", job.id)
        assert jobs.store.get("acme", job.id) == job
    watched.fails = lambda _: None
    jobs.upkeep.remove("acme", job.id)
    assert [item["part"]["S"] for item in items_of(watched, table)] == ["key"]


def test_entries_of_indexes_are_spread_over_places(
    jobs: JobRecords, watched: Watched, table: str
) -> None:
    for _ in range(60):
        added(jobs)
    items = items_of(watched, table)
    for name, place in (("stage", "unfinished"), ("outbox", "outbox")):
        used = Counter(item[name]["S"] for item in items if name in item)
        assert len(used) > 4
        assert set(used) <= set(shards(place))


def test_an_index_that_lags_behind_neither_brings_back_events_nor_jobs(
    jobs: JobRecords, watched: Watched, table: str
) -> None:
    job = claimed(jobs, added(jobs))
    before = items_of(watched, table)
    for event in jobs.events.unpublished(limit=10):
        jobs.events.published(event)
    job = moved(jobs, job, job.succeeded((), now=START, expires_at=LATER), "job.succeeded")
    for event in jobs.events.unpublished(limit=10):
        jobs.events.published(event)
    lagging = opened(Lagging(watched.client, {item["part"]["S"]: item for item in before}), table)
    assert lagging.events.unpublished(limit=10) == []
    assert list(lagging.upkeep.unfinished()) == []


class Lagging:
    """A client whose indexes are those of a while ago, as DynamoDB's may be."""

    def __init__(self, client: Any, before: dict[str, Any]) -> None:
        self._client = client
        self._before = before

    def query(self, **asked: Any) -> dict[str, Any]:
        if "IndexName" not in asked:
            found: dict[str, Any] = self._client.query(**asked)
            return found
        (name,) = (each[1:] for each in asked["ExpressionAttributeNames"])
        wanted = asked["ExpressionAttributeValues"][f":{name}"]
        return {"Items": [item for item in self._before.values() if item.get(name) == wanted]}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
