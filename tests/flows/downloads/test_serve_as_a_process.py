"""`penstock serve` as a process: how it begins, what it says, and how it ends."""

import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.raw_exchange import Connection
from tests.flows.serve_process import command, environment, started

PROMISED_SECONDS = 3.0
NOISE_SECONDS = 4.0
SLOW = " OR ".join(f"t LIKE '%_a%_a%_a{number}x'" for number in range(60))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    texts = [f"{'a' * 100}{number}" for number in range(300_000)]
    pq.write_table(pa.table({"t": texts}), data / "slow.parquet")
    return data


WAITING = {
    "nobody": None,
    "a reader that stands still": "/slow.csv",
    "a reader of a sort": f"/slow.csv?_sort=-t&_where={quote(f'NOT ({SLOW})')}",
    "a reader of a counted answer": f"/slow.csv?_limit=5&_where={quote(SLOW)}",
}


@pytest.mark.parametrize("who", WAITING)
def test_an_interrupt_ends_it_soon_and_without_a_word(
    folder: Path, tmp_path: Path, who: str
) -> None:
    target = WAITING[who]
    with started(folder, home=tmp_path) as running, ExitStack() as connections:
        if target is not None:
            connection = Connection(running.port, target, slow=True)
            connections.callback(connection.leave)
            if target == "/slow.csv":
                connection.take(100_000)
            # An answer to another request says that the first one has arrived.
            httpx.get(f"http://localhost:{running.port}/-/healthz").raise_for_status()
        code, seconds, said = running.interrupted()
    assert code in (0, 130)
    assert "Traceback" not in said
    assert "Error" not in said
    assert seconds < PROMISED_SECONDS + NOISE_SECONDS


def test_a_termination_ends_it_too(folder: Path, tmp_path: Path) -> None:
    with started(folder, home=tmp_path) as running:
        code, _, said = running.interrupted(signal.SIGTERM)
    assert code in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert "Traceback" not in said


def failing(*arguments: str, home: Path) -> str:
    """Start it where it can't run; gives its one line."""
    ended = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        env=environment(home),
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("penstock: ")
    return ended.stderr


def test_a_port_in_use_is_one_clear_line(folder: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = failing(str(folder), "--port", str(port), home=tmp_path)
    assert f"Port {port} is in use" in said
    assert "--port" in said


def test_a_path_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    said = failing(str(tmp_path / "nowhere"), "--port", "0", home=tmp_path / "home")
    assert "nowhere" in said


def test_a_folder_that_may_not_be_read_is_one_clear_line(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    if os.access(closed, os.R_OK):
        # Root may read everything, but not a folder that loops back to itself.
        closed.rmdir()
        closed.symlink_to(closed)
    said = failing(str(closed), "--port", "0", home=tmp_path / "home")
    assert "closed" in said


def test_a_file_as_the_home_folder_is_one_clear_line(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("no folder")
    assert "home" in failing(str(folder), "--port", "0", home=home)


def test_a_broken_file_is_named_and_the_others_are_served(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    pq.write_table(pa.table({"n": [1, 2]}), data / "good.parquet")
    (data / "bad.parquet").write_bytes(b"PAR1 no such thing PAR1")
    (data / "empty.parquet").write_bytes(b"")
    (data / "bad.csv").write_text('a,b\n1,"2\n')
    (data / "ragged.csv").write_text("a,b\n1,2,3\n")
    with started(data, home=tmp_path / "home") as running:
        refused = [line for line in running.banner.splitlines() if "not served" in line]
        assert len(refused) == 3
        for name in ("bad", "empty", "ragged"):
            assert any(name in line for line in refused)
        url = f"http://localhost:{running.port}"
        assert httpx.get(f"{url}/good.csv").text == "n\n1\n2\n"
        assert httpx.get(f"{url}/bad.csv").status_code == 500
        listed = httpx.get(f"{url}/-/datasets.json").json()["datasets"]
        assert {each["name"] for each in listed if each.get("problem")} == {
            "bad",
            "empty",
            "ragged",
        }
        code, _, said = running.interrupted()
    assert code in (0, 130)
    assert "Traceback" not in said
