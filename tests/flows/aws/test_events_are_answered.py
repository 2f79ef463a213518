"""Each sample event is answered by its function, run from the template by `penstock invoke`."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.aws_tables import client_of
from tests.flows.example_job import (
    TICKET,
    TOKEN,
    put_example_job,
    put_example_key,
    put_example_ticket,
    store_of,
)
from tests.flows.runtime_app import REPOSITORY
from tests.flows.stack_on_stand_ins import (
    ORIGIN_SECRET,
    Stack,
    current_secret,
    made_stack,
    sent_by_edge,
)
from tests.management_api import ManagementApi, management_api
from tests.stand_ins import StandIn

from penstock.aws.jobs.upkeep import DynamoJobUpkeep
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.model.job import Job

EVENTS = REPOSITORY / "events"
PATIENCE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Said:
    """What `penstock invoke` said: exit code, standard output and standard error."""

    code: int
    body: bytes
    told: str

    @property
    def status(self) -> int:
        _, found, behind = self.told.partition("HTTP ")
        assert found, self.told
        return int(behind[:3])

    @property
    def headers(self) -> dict[str, str]:
        """What stands between the status and the blank line."""
        head = self.told.partition("HTTP ")[2].partition("\n\n")[0]
        return dict(line.split(": ", 1) for line in head.splitlines()[1:])

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        return dict(json.loads(self.body))


@pytest.fixture(scope="module")
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    return made_stack(s3_server, aws_server)


@pytest.fixture(scope="module")
def user(stack: Stack) -> str:
    """The user whose key the events have."""
    put_example_key(stack)
    return "ada"


@pytest.fixture
def job(stack: Stack) -> Iterator[Job]:
    """The job that the events are about, as good as new."""
    put = put_example_job(stack)
    yield put
    records = DynamoTable(client_of(stack.aws, "dynamodb"), stack.jobs_table)
    DynamoJobUpkeep(records).remove(put.tenant, put.id)
    prefix = f"{put.tenant}/{put.folder}/"
    store = client_of(stack.s3, "s3")
    for each in store.list_objects_v2(Bucket=stack.bucket, Prefix=prefix).get("Contents", []):
        store.delete_object(Bucket=stack.bucket, Key=each["Key"])


@pytest.fixture
def gateway() -> Iterator[ManagementApi]:
    with management_api() as api:
        yield api


@pytest.fixture
def invoke(stack: Stack) -> Callable[..., Said]:
    def invoked(function: str, event: str | Path, *options: str, **variables: str) -> Said:
        path = event if isinstance(event, Path) else EVENTS / f"{event}.json"
        done = subprocess.run(
            [sys.executable, "-m", "penstock", "invoke", function, "-e", path, *options],
            cwd=REPOSITORY,
            env={**stack.variables, **variables},
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Said(code=done.returncode, body=done.stdout, told=done.stderr.decode())

    return invoked


def test_csv_streams(invoke: Callable[..., Said]) -> None:
    said = invoke("DownloadFunction", "download-csv")
    assert (said.code, said.status) == (0, 200), said.told
    assert said.headers["content-disposition"] == 'attachment; filename="conservation-area.csv"'
    assert said.body.splitlines() == [
        b"entity,name,organisation-entity",
        b"44000001,Bath,122",
        b"44000003,Clifton,122",
        b"44000004,Corsham,122",
    ]


def test_csv_streams_into_a_file(invoke: Callable[..., Said], tmp_path: Path) -> None:
    said = invoke("DownloadFunction", "download-csv", "-o", str(tmp_path / "areas.csv"))
    assert (said.code, said.body) == (0, b""), said.told
    assert (tmp_path / "areas.csv").read_text().count("\n") == 4
    assert [each.name for each in tmp_path.iterdir()] == ["areas.csv"]


def test_filtered_json_is_sorted_and_cut(invoke: Callable[..., Said]) -> None:
    said = invoke("DownloadFunction", "download-filtered-json")
    assert (said.code, said.status) == (0, 200), said.told
    assert json.loads(said.body) == [
        {"entity": 44000004, "name": "Corsham"},
        {"entity": 44000003, "name": "Clifton"},
    ]


def test_a_range_of_a_stored_parquet_file(invoke: Callable[..., Said]) -> None:
    said = invoke("DownloadFunction", "download-parquet-range")
    assert (said.code, said.status) == (0, 206), said.told
    assert said.body == b"PAR1"
    assert said.headers["content-range"].startswith("bytes ")


def test_head_has_no_body(invoke: Callable[..., Said]) -> None:
    said = invoke("DownloadFunction", "download-head")
    assert (said.code, said.status, said.body) == (0, 200, b""), said.told
    assert "etag" in said.headers


def test_a_conditional_request_is_a_304(invoke: Callable[..., Said]) -> None:
    said = invoke("DownloadFunction", "download-conditional")
    assert (said.code, said.status, said.body) == (0, 304, b""), said.told


def test_an_unknown_host_is_a_404(invoke: Callable[..., Said]) -> None:
    said = invoke("DownloadFunction", "download-unknown-host")
    assert (said.code, said.status) == (0, 404), said.told
    assert said.problem["title"] == "Not found"


def test_a_bad_query_is_a_400_with_a_suggestion(invoke: Callable[..., Said]) -> None:
    said = invoke("DownloadFunction", "download-bad-query")
    assert (said.code, said.status) == (0, 400), said.told
    assert said.problem["did_you_mean"] == ["organisation-entity"]


def test_the_api_answers_whom_the_edge_lets_through(invoke: Callable[..., Said]) -> None:
    """What stands here is the service's own answer, not the gateway's: a list needs a key."""
    said = invoke("ApiFunction", "api-get")
    assert (said.code, said.status) == (0, 401), said.told
    assert said.problem["status"] == 401


def test_the_api_takes_an_export(invoke: Callable[..., Said], stack: Stack, user: str) -> None:
    said = invoke("ApiFunction", "api-post-export")
    assert (said.code, said.status) == (0, 202), said.told
    job = json.loads(said.body)
    assert said.headers["location"] == f"/v1/jobs/{job['id']}"
    assert store_of(stack).get("acme", job["id"]).state == "QUEUED"
    assert TOKEN.rpartition("_")[2] not in said.told


def test_the_api_tells_how_a_job_is(invoke: Callable[..., Said], user: str, job: Job) -> None:
    said = invoke("ApiFunction", "api-job-status")
    assert (said.code, said.status) == (0, 200), said.told
    assert json.loads(said.body)["id"] == job.id


def test_the_page_of_jobs_is_the_apis(invoke: Callable[..., Said]) -> None:
    said = invoke("ApiFunction", "api-jobs-page")
    assert (said.code, said.status) == (0, 200), said.told
    assert said.headers["content-type"].startswith("text/html")
    assert b"<h1>Exports</h1>" in said.body


@pytest.mark.parametrize(
    "function", ["SmallWorkFunction", "MediumWorkFunction", "LargeWorkFunction"]
)
def test_a_worker_does_what_a_batch_asks_for_once(
    invoke: Callable[..., Said], stack: Stack, job: Job, function: str
) -> None:
    """In the batch: a job's message, the same one again, and what nobody can read."""
    said = invoke(function, "work-batch")
    assert (said.code, json.loads(said.body)) == (0, {"batchItemFailures": []}), said.told
    done = store_of(stack).get(job.tenant, job.id)
    assert (done.state, done.attempt) == ("SUCCEEDED", 1)
    for outcome in ('"succeeded"', '"repeated"', '"buried"'):
        assert f'"outcome":{outcome}' in said.told
    assert "organisation-entity" not in said.told


def test_a_range_that_nobody_waits_for_is_left(invoke: Callable[..., Said], job: Job) -> None:
    said = invoke("RangeFunction", "range")
    assert (said.code, json.loads(said.body)) == (0, {"outcome": "left"}), said.told
    assert '"message":"range read"' in said.told


def test_a_sweep_looks_after_jobs(invoke: Callable[..., Said], job: Job) -> None:
    said = invoke("SweepFunction", "sweep")
    assert said.code == 0, said.told
    assert json.loads(said.body)["stalled"] == 0
    assert json.loads(said.body)["published"] >= 1


def test_a_socket_is_opened_told_and_forgotten(
    invoke: Callable[..., Said], stack: Stack, job: Job, gateway: ManagementApi
) -> None:
    put_example_ticket(stack)
    for event in ("socket-connect", "socket-default"):
        said = invoke("SocketFunction", event, PENSTOCK_SOCKETS_ENDPOINT=gateway.endpoint)
        assert (said.code, json.loads(said.body)["statusCode"]) == (0, 200), said.told
        assert TICKET not in said.told
    (told,) = gateway.posted["ExampleSocket1="]
    assert json.loads(told)["event"] == "job.accepted"
    said = invoke("PushFunction", "push", PENSTOCK_SOCKETS_ENDPOINT=gateway.endpoint)
    assert (said.code, said.body) == (0, b"null\n"), said.told
    assert json.loads(gateway.posted["ExampleSocket1="][1])["done"] == 2
    said = invoke("SocketFunction", "socket-disconnect", PENSTOCK_SOCKETS_ENDPOINT=gateway.endpoint)
    assert json.loads(said.body)["statusCode"] == 200, said.told


def test_a_ticket_opens_one_socket(invoke: Callable[..., Said]) -> None:
    said = invoke("SocketFunction", "socket-connect")
    assert json.loads(said.body)["statusCode"] == 401, said.told


def test_the_api_refuses_whom_the_edge_did_not_let_through(invoke: Callable[..., Said]) -> None:
    said = invoke("ApiFunction", "api-without-secret")
    assert (said.code, said.status) == (0, 403), said.told


def test_the_origin_secret_rotates_in_four_steps(
    invoke: Callable[..., Said], stack: Stack, tmp_path: Path
) -> None:
    """A secret's ARN ends with characters that the service chooses: the event's are others."""
    steps = sorted(EVENTS.glob("rotate-origin-secret-*.json"))
    assert len(steps) == 4
    for each in steps:
        event = tmp_path / each.name
        event.write_text(json.dumps(json.loads(each.read_text()) | {"SecretId": stack.secret_arn}))
        said = invoke("RotateOriginSecretFunction", event)
        assert (said.code, said.body) == (0, b"null\n"), said.told
    assert sent_by_edge(stack) == current_secret(stack) != ORIGIN_SECRET


def test_every_event_is_among_these() -> None:
    source = Path(__file__).read_text()
    names = {each.stem for each in EVENTS.glob("*.json")}
    tested = {name for name in names if f'"{name}"' in source}
    rotating = {name for name in names if name.startswith("rotate-origin-secret-")}
    assert names == tested | rotating
