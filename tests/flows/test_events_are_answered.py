"""Each sample event is answered by its function, run from the template by `penstock invoke`."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.flows.runtime_app import REPOSITORY
from tests.flows.stack_on_stand_ins import (
    ORIGIN_SECRET,
    Stack,
    current_secret,
    made_stack,
    sent_by_edge,
)
from tests.stand_ins import StandIn

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


@pytest.fixture
def invoke(stack: Stack) -> Callable[..., Said]:
    def invoked(function: str, event: str | Path, *options: str) -> Said:
        path = event if isinstance(event, Path) else EVENTS / f"{event}.json"
        done = subprocess.run(
            [sys.executable, "-m", "penstock", "invoke", function, "-e", path, *options],
            cwd=REPOSITORY,
            env=dict(stack.variables),
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


@pytest.mark.parametrize(("event", "status"), [("api-get", 404), ("api-post", 404)])
def test_the_api_answers_whom_the_edge_lets_through(
    invoke: Callable[..., Said], event: str, status: int
) -> None:
    """Jobs are not served yet: what stands here is the service's own answer, not the gateway's."""
    said = invoke("ApiFunction", event)
    assert (said.code, said.status) == (0, status), said.told
    assert said.problem["status"] == status


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
