"""`penstock invoke` runs a function of a template, and streams what it answers."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.flows import runtime_app
from tests.unit.aws.runtime.runtime_api_double import event_of

PATIENCE_SECONDS = 30

TEMPLATE = """
Parameters:
  Handler: { Type: String, Default: tests.flows.runtime_app.serve }
  Wrapper: { Type: String, Default: /opt/penstock-stream }
Resources:
  Bucket: { Type: AWS::S3::Bucket }
  Streaming:
    Type: AWS::Serverless::Function
    Properties:
      Handler: !Ref Handler
      Timeout: 7
      Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: !Ref Wrapper } }
  Late:
    Type: AWS::Serverless::Function
    Properties:
      Handler: !Ref Handler
      Timeout: 2
      Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: !Ref Wrapper } }
  Whole:
    Type: AWS::Serverless::Function
    Properties: { Handler: !Sub "tests.flows.runtime_handlers.${Handler}", Timeout: 7 }
  Needy:
    Type: AWS::Serverless::Function
    Properties: { Environment: { Variables: { BUCKET: !Ref Bucket } } }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "penstock", "invoke", *arguments, "-e", "-"]


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(runtime_app.REPOSITORY)}


def invoke(
    folder: Path, *arguments: str, path: str = "/", query: str = ""
) -> subprocess.CompletedProcess[bytes]:
    event = json.dumps({**event_of(path, query=query), "path": path})
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        input=event.encode(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_status_and_headers_are_told_beside_the_body(folder: Path) -> None:
    done = invoke(folder, "Streaming", path="/echo", query="a=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"a=1\n" + runtime_app.PIECE
    assert b"HTTP 206\ncontent-type: application/octet-stream\n" in done.stderr
    assert b"set-cookie: a=1; Path=/\nset-cookie: b=2\n" in done.stderr


def test_the_body_arrives_while_it_is_made(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_SECONDS)
        port = listening.getsockname()[1]
        event = folder / "event.json"
        event.write_text(json.dumps(event_of("/gated", query=f"port={port}")))
        with subprocess.Popen(
            [*command("Streaming")[:-1], str(event)],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            app, _ = listening.accept()
            with app:
                for _ in range(3):
                    app.sendall(b"1")
                    assert process.stdout.read(5) == b"piece"
                app.shutdown(socket.SHUT_WR)
                assert process.stdout.read() == b""
            assert process.wait(PATIENCE_SECONDS) == 0


def test_a_file_has_its_name_once_all_of_it_is_there(folder: Path) -> None:
    done = invoke(folder, "Streaming", "-o", "out.bin", path="/large", query="bytes=300000")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert (folder / "out.bin").stat().st_size == 300_000
    done = invoke(folder, "Streaming", "-o", "cut.bin", path="/broken", query="when=later")
    assert done.returncode == 1
    assert {each.name for each in folder.iterdir()} == {"template.yaml", "out.bin"}


@pytest.mark.parametrize(
    ("function", "path", "said"),
    [
        ("Streaming", "/broken?when=sooner", "failed: Penstock.Failed: the function failed"),
        ("Streaming", "/broken?when=later", "failed: Penstock.Failed: the function failed"),
        ("Late", "/patient", "failed: Penstock.DeadlineExceeded: the function's time is over"),
        ("Late", "/stuck", "failed: Sandbox.Timedout: the function timed out after 2 seconds"),
    ],
)
def test_a_failure_is_told_and_is_exit_code_1(
    folder: Path, function: str, path: str, said: str
) -> None:
    done = invoke(folder, function, path=path.partition("?")[0], query=path.partition("?")[2])
    assert done.returncode == 1
    assert f"penstock: {function} {said}" in done.stderr.decode()


def test_a_function_that_does_not_begin_is_told(folder: Path) -> None:
    failing = "Handler=tests.flows.runtime_app.failing"
    done = invoke(folder, "Streaming", "--parameter", failing)
    assert done.returncode == 1
    assert b"penstock: Streaming failed: Penstock.InitFailed" in done.stderr


def test_a_reader_that_has_enough_ends_it_quietly(folder: Path) -> None:
    event = folder / "event.json"
    event.write_text(json.dumps(event_of("/large", query="bytes=100000000")))
    with subprocess.Popen(
        [*command("Streaming")[:-1], str(event)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(1000)) == 1000
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait(PATIENCE_SECONDS) == 1
    assert b"Traceback" not in told


def test_an_ordinary_function_answers_as_it_does_behind_api_gateway(folder: Path) -> None:
    done = invoke(folder, "Whole", "--parameter", "Handler=telling", path="/v1/jobs")
    assert (done.returncode, done.stdout) == (0, b"Whole /v1/jobs"), done.stderr
    told = done.stderr.decode()
    assert "logged\n" in told
    assert "HTTP 201\ncontent-type: text/plain\nset-cookie: a=1\n" in told


def test_an_answer_of_another_form_is_shown_as_it_is(folder: Path) -> None:
    done = invoke(folder, "Whole", "--parameter", "Handler=plain")
    assert (done.returncode, done.stdout) == (0, b"[1, 2]\n"), done.stderr


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        ("raising", "Whole failed: Unhandled: no such thing"),
        ("unwritable", "Whole failed: Unhandled: Object of type object"),
        ("absent", "Whole failed: Unhandled: The handler"),
    ],
)
def test_a_handler_that_fails_is_told_with_its_traceback(
    folder: Path, handler: str, said: str
) -> None:
    done = invoke(folder, "Whole", "--parameter", f"Handler={handler}")
    assert (done.returncode, done.stdout) == (1, b"")
    assert said in done.stderr.decode()
    assert b"Traceback" in done.stderr or handler == "absent"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Needy"], "needs values that only a stack has: BUCKET (the resource Bucket)"),
        (["Nobody"], "has no function Nobody"),
        (["Streaming", "--parameter", "x"], "has not the form NAME=VALUE"),
        (["Streaming", "--env-vars", "none.json"], "none.json can't be read"),
        (["Streaming", "-o", "no/folder.csv"], "can't be written"),
        (["Streaming", "--parameter", "Wrapper=/opt/bootstrap"], "is started by /opt/bootstrap"),
    ],
)
def test_what_can_not_be_run_is_one_clear_line(
    folder: Path, arguments: list[str], said: str
) -> None:
    done = invoke(folder, *arguments)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b"")
    assert told.startswith("penstock: ")
    assert told.count("\n") == 1
    assert said in told


def test_a_file_of_variables_gives_what_only_a_stack_has(folder: Path) -> None:
    (folder / "variables.json").write_text('{"Needy": {"BUCKET": "mine"}}')
    done = invoke(folder, "Needy", "--env-vars", "variables.json")
    assert b"only a stack has" not in done.stderr
