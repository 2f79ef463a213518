"""`penstock export` and `penstock jobs`, against the real service with its workers."""

import io
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from tests.flows.bounded import bounded
from tests.flows.scripted_jobs import JOB_ID, Desk, step
from tests.flows.scripted_jobs import serving as serving_desk
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_key, add_tenant, store
from typer.testing import CliRunner

from penstock.cli import app
from penstock.client.commands.export import export, list_types
from penstock.client.commands.get import get
from penstock.client.commands.jobs import delete_job, list_jobs, show_job, watch_jobs
from penstock.client.commands.session import JobOptions
from penstock.model.tenant import Tenant

ROWS = 5_000
MOST_SECONDS = 60
SLICE = ["dataset=area", "query=quality=some&_select=n,quality"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("exports") / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    rows = pa.table({"n": range(ROWS), "quality": ["some" if n % 3 else "" for n in range(ROWS)]})
    store(home, "acme", "area", rows)
    with serving(None, home=home, workers=1) as running:
        yield running


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with bounded():
        yield


@pytest.fixture
def key(service: Service, monkeypatch: pytest.MonkeyPatch) -> str:
    """A key of a user of the test's own, in the environment."""
    token = add_key(service.resources, "acme", user=f"user-{os.urandom(6).hex()}")
    monkeypatch.setenv("PENSTOCK_KEY", token)
    monkeypatch.setenv("PENSTOCK_URL", service.url)
    return token


def download(service: Service, extension: str) -> bytes:
    answer = httpx.get(f"{service.url}/area.{extension}?quality=some&_select=n,quality")
    assert answer.status_code == 200
    return answer.content


def penstock(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "penstock", *arguments],
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"} | environment,
    )


def begun(capsys: pytest.CaptureFixture[str], *params: str) -> str:
    """Submit a slice and give its job's id, which is all that standard output gets."""
    assert export("dataset-slice", params or SLICE, asked=JobOptions()) == 0
    said = capsys.readouterr()
    job_id = said.out.strip()
    assert f"penstock jobs {job_id} --watch" in said.err
    return job_id


# Exports.


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_an_export_is_made_waited_for_and_fetched(
    service: Service, key: str, tmp_path: Path, extension: str
) -> None:
    ran = penstock(
        *("export", "dataset-slice", "-p", SLICE[0], "--param", SLICE[1]),
        *("--wait", "-o", str(tmp_path / f"some.{extension}")),
    )
    assert ran.returncode == 0, ran.stderr
    file = tmp_path / f"some.{extension}"
    if extension == "csv":
        assert file.read_bytes() == download(service, "csv")
    assert "matches what the service told before" in ran.stderr
    assert "SUCCEEDED, 3,333 rows" in ran.stderr
    assert len(ran.stdout.strip()) == 26
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_format_that_is_named_is_written_as_one_file(
    service: Service, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"{tmp_path}/new/"
    formats = ["csv", "ndjson"]
    assert export("dataset-slice", SLICE, asked=JobOptions(), formats=formats, output=out) == 0
    said = capsys.readouterr().err
    assert said.count("verified: sha256 ") == 2
    assert said.count("what the service told before") == 2
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"area.csv", "area.ndjson"}
    assert (tmp_path / "new" / "area.csv").read_bytes() == download(service, "csv")
    assert (tmp_path / "new" / "area.ndjson").read_bytes() == download(service, "ndjson")


@pytest.mark.parametrize("formats", [["csv"], ["csv", "ndjson"]])
def test_a_file_name_with_an_extension_gets_no_second_one(
    service: Service, key: str, tmp_path: Path, formats: list[str]
) -> None:
    named = [*SLICE, "file_name=mine.csv"]
    out = f"{tmp_path}/new/"
    for written in (formats, []):
        asked = JobOptions(force=True, quiet=True)
        assert export("dataset-slice", named, asked=asked, formats=written, output=out) == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        f"mine.{extension}" for extension in formats
    }


def test_standard_output_gets_the_result_and_nothing_else(service: Service, key: str) -> None:
    ran = penstock("export", "dataset-slice", "-p", SLICE[0], "-p", SLICE[1], "-o", "-", "-q")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.encode() == download(service, "csv")


def test_a_key_of_idempotency_gives_the_same_job(
    key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = JobOptions(quiet=True)
    ids = set()
    for idempotency_key in ("mine", "mine", None, None):
        assert export("dataset-slice", SLICE, asked=asked, idempotency_key=idempotency_key) == 0
        ids.add(capsys.readouterr().out)
    assert len(ids) == 3
    other = ["dataset=area"]
    assert export("dataset-slice", other, asked=asked, idempotency_key="mine") == 1
    assert "used for another request" in capsys.readouterr().err


def test_what_is_too_large_to_download_is_told_with_a_command_that_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    store(home, "acme", "area", pa.table({"n": range(ROWS)}))
    with serving(None, home=home, workers=1, response_bytes=1000) as small:
        monkeypatch.setenv("PENSTOCK_KEY", add_key(small.resources, "acme"))
        assert get(f"{small.url}/area.csv?n__gte=10", str(tmp_path / "a.csv")) == 1
        command = capsys.readouterr().err.partition("In a terminal: ")[2]
        words = shlex.split(command.replace("FILE", str(tmp_path / "a.csv")))
        assert words[:2] == ["penstock", "export"]
        ran = penstock(*words[1:])
    assert ran.returncode == 0, ran.stderr
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert (lines[:2], len(lines)) == (["n", "10"], ROWS - 9)


def test_types_are_listed_with_their_parameters(
    service: Service,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(
        "PENSTOCK_KEY", add_key(service.resources, "acme", user="root", role="admin")
    )
    assert list_types(asked=JobOptions()) == 0
    listed = capsys.readouterr().out
    assert "dataset-slice: Any slice of a dataset\n" in listed
    (line,) = [each for each in listed.splitlines() if "--param dataset=" in each]
    assert "  required  " in line
    assert list_types(asked=JobOptions(), type_name="dataset-slice") == 0
    assert capsys.readouterr().out.count("\n") < listed.count("\n")
    assert list_types(asked=JobOptions(as_json=True)) == 0
    assert "dataset-slice" in {each["type"] for each in json.loads(capsys.readouterr().out)}
    assert list_types(asked=JobOptions(), type_name="nothing") == 1


@pytest.mark.parametrize(
    ("type_name", "params", "code", "told"),
    [
        ("nothing", [], 1, "“nothing” is no type of export"),
        ("dataset-slice", [], 1, "dataset"),
        ("dataset-slice", ["dataset=nothing"], 1, "no dataset “nothing”"),
        ("dataset-slice", ["dataset=area", "query=qualty=some"], 1, "Did you mean quality?"),
        ("dataset-slice", ["dataset=area", "colour=red"], 1, "colour"),
        ("dataset-slice", ["dataset"], 2, "NAME=VALUE"),
        ("dataset-slice", ["dataset=area", "dataset=area"], 2, "--param dataset takes one value"),
    ],
)
def test_what_cannot_be_exported_is_one_line_that_names_the_field(
    key: str,
    capsys: pytest.CaptureFixture[str],
    type_name: str,
    params: list[str],
    code: int,
    told: str,
) -> None:
    assert export(type_name, params, asked=JobOptions()) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("penstock export: ")
    assert said.err.count("\n") == 1
    assert told in said.err


def test_a_mistake_in_the_output_is_found_before_there_is_a_job(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there.csv").write_text("mine")
    for output, formats, told in (
        ("a.txt", [], "--format"),
        ("there.csv", [], "exists already"),
        ("no/folder.csv", [], "no folder"),
        ("a.txt", ["csv", "json"], "need a folder"),
    ):
        asked = JobOptions()
        out = str(tmp_path / output)
        assert export("dataset-slice", SLICE, asked=asked, formats=formats, output=out) == 2
        assert told in capsys.readouterr().err
    json_and_data = export("dataset-slice", SLICE, asked=JobOptions(as_json=True), output="-")
    assert json_and_data == 2
    capsys.readouterr()
    assert list_jobs(asked=JobOptions(as_json=True), kind=None, state=None, limit=9) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_an_export_in_json_is_one_document(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("dataset-slice", SLICE, asked=JobOptions(as_json=True), wait=True) == 0
    job = json.loads(capsys.readouterr().out)
    assert (job["state"], job["progress"]["high_water"]) == ("SUCCEEDED", 3333)


def test_who_has_no_key_is_told_where_to_put_it(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PENSTOCK_KEY", raising=False)
    assert list_jobs(asked=JobOptions(url=service.url), kind=None, state=None, limit=9) == 1
    assert "into the variable PENSTOCK_KEY" in capsys.readouterr().err
    assert list_jobs(asked=JobOptions(key_env="NOT_SET"), kind=None, state=None, limit=9) == 2


# Jobs.


def test_jobs_are_listed_shown_followed_and_fetched(
    service: Service, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = begun(capsys), begun(capsys)
    assert show_job(first, asked=JobOptions(), watch=True) == 0
    assert f"{first}: SUCCEEDED, 3,333 rows" in capsys.readouterr().err
    assert watch_jobs(asked=JobOptions(), kind=None, state=None) == 0
    capsys.readouterr()

    assert list_jobs(asked=JobOptions(), kind="export", state="succeeded", limit=9) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["JOB", "TYPE", "STATE", "ROWS", "AGE"]
    assert [line.split()[0] for line in lines] == [second, first]
    assert "3,333 of 3,333 (100%)" in lines[0]
    assert list_jobs(asked=JobOptions(), kind="export", state=None, limit=1) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert list_jobs(asked=JobOptions(), kind="import", state=None, limit=9) == 0
    assert "There are no such jobs." in capsys.readouterr().err

    assert show_job(first, asked=JobOptions()) == 0
    shown = capsys.readouterr()
    assert "  dataset   area\n  query     quality=some" in shown.out
    assert f"penstock jobs {first} -o FILE" in shown.err
    assert show_job(first, asked=JobOptions(as_json=True)) == 0
    assert json.loads(capsys.readouterr().out)["id"] == first
    assert show_job(first, asked=JobOptions(), output=str(tmp_path / "a.csv")) == 0
    assert (tmp_path / "a.csv").read_bytes() == download(service, "csv")


def test_another_user_s_job_is_none(
    service: Service,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job_id = begun(capsys)
    monkeypatch.setenv("PENSTOCK_KEY", add_key(service.resources, "acme", user="eve"))
    assert show_job(job_id, asked=JobOptions()) == 1
    assert show_job(job_id, asked=JobOptions(), cancel=True) == 1
    assert delete_job(job_id, asked=JobOptions()) == 1
    assert capsys.readouterr().err.count("404 Not Found: There is no such job here.") == 3
    monkeypatch.setenv("PENSTOCK_KEY", key)
    assert show_job(job_id, asked=JobOptions(quiet=True), watch=True) == 0


def test_a_job_that_was_deleted_is_gone_with_its_result(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = begun(capsys)
    assert show_job(job_id, asked=JobOptions(quiet=True), watch=True) == 0
    assert delete_job(job_id, asked=JobOptions()) == 0
    assert show_job(job_id, asked=JobOptions(), output=str(tmp_path / "a.csv")) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_is_over_cannot_be_cancelled_and_asking_does_no_harm(
    key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = begun(capsys)
    assert show_job(job_id, asked=JobOptions(quiet=True), watch=True) == 0
    assert show_job(job_id, asked=JobOptions(), cancel=True) == 0
    assert "SUCCEEDED" in capsys.readouterr().out


# As a process, and on a terminal.


def test_a_cancelled_job_ends_and_says_so() -> None:
    with serving_desk(Desk(steps=[step("RUNNING", 5)], retry_after="0")) as desk:
        ran = penstock("jobs", JOB_ID, "--cancel", "--watch", PENSTOCK_URL=desk.url)
        assert ran.returncode == 0, ran.stderr
        assert f"premium-pay {JOB_ID}: CANCELLED" in ran.stderr
        assert show_job(JOB_ID, asked=JobOptions(url=desk.url), watch=True) == 1
    assert desk.paths()[0] == f"POST /v1/jobs/{JOB_ID}/cancel"


@pytest.mark.parametrize("times", [1, 3, 20])
def test_an_interrupt_leaves_the_job_and_says_how_to_go_on(times: int) -> None:
    """Also for who presses Ctrl-C again and again."""
    desk = Desk(steps=[step("RUNNING", 5)], retry_after="0")
    with serving_desk(desk):
        desk.hold.clear()
        with subprocess.Popen(
            [
                sys.executable,
                "-m",
                "penstock",
                "export",
                "premium-pay",
                "--url",
                desk.url,
                "--wait",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert desk.was_looked_at.wait(MOST_SECONDS)
            for _ in range(times):
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.005)
            out, said = process.communicate(timeout=MOST_SECONDS)
    assert process.returncode == 130
    assert out.strip() == JOB_ID
    assert "Traceback" not in said
    assert said.count("Stopped") == 1
    last = said.splitlines()[-1]
    assert last.startswith(f"penstock export: Stopped; job {JOB_ID} goes on.")
    assert f"penstock jobs {JOB_ID} --watch --url {desk.url}" in last
    assert f"penstock jobs {JOB_ID} --cancel --url {desk.url}" in last
    assert not any("cancel" in path for path in desk.paths())


def on_a_terminal(*arguments: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run with standard error on a terminal; give the exit code and all that was drawn."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "penstock", *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80"} | dict(environment),
    ) as process:
        os.close(theirs)
        drawn = io.BytesIO()
        try:
            while piece := os.read(ours, 1 << 16):
                drawn.write(piece)
        except OSError:
            pass  # Linux says so when the last one has closed the other end.
        os.close(ours)
        process.communicate(timeout=MOST_SECONDS)
    return process.returncode, drawn.getvalue().decode()


def test_a_terminal_gets_a_bar_that_shows_what_was_done() -> None:
    steps = [step("RUNNING", 300), step("RUNNING", 600), step("SUCCEEDED", 1201)]
    with serving_desk(Desk(steps=steps, retry_after="0")) as desk:
        code, drawn = on_a_terminal(
            "export", "premium-pay", "--wait", environment={"PENSTOCK_URL": desk.url}
        )
    assert code == 0
    assert f"premium-pay …{JOB_ID[-6:]}" in drawn
    assert "600 of 1,201 (50%)" in drawn
    assert "SUCCEEDED, 1,201 rows" in drawn.splitlines()[-2]


def test_nothing_is_said_to_who_wants_it_quiet() -> None:
    steps = [step("RUNNING", 300), step("SUCCEEDED", 1201)]
    with serving_desk(Desk(steps=steps, retry_after="0")) as desk:
        ran = penstock("jobs", JOB_ID, "--watch", "--quiet", PENSTOCK_URL=desk.url)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
        desk.steps = [step("FAILED", error={"message": "It is gone.", "code": "gone"})]
        ran = penstock("jobs", JOB_ID, "--watch", "--quiet", PENSTOCK_URL=desk.url)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"premium-pay {JOB_ID}: FAILED: It is gone. (gone)\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["jobs", "--cancel"],
        ["jobs", "-o", "a.csv"],
        ["jobs", "x", "--delete", "--watch"],
        ["jobs", "x", "--state", "FAILED"],
        ["jobs", "--limit", "0"],
        ["jobs", "--kind", "guess"],
        ["export", "--wait"],
        ["export", "x", "--list", "-p", "a=1"],
    ],
)
def test_what_is_asked_wrongly_is_a_usage_error(arguments: list[str]) -> None:
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 2
    assert "Usage" in ran.stderr


def test_a_service_that_is_not_there_is_one_clear_line() -> None:
    with serving_desk(Desk()) as desk:
        pass
    ran = penstock("jobs", "--url", desk.url)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert f"refused: {desk.url}" in ran.stderr


def test_commands_start_without_what_they_do_not_need() -> None:
    program = (
        "import sys, penstock.cli;"
        "print([name for name in ('pyarrow', 'httpx', 'duckdb', 'fastapi') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
