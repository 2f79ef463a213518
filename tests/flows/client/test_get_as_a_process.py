"""`penstock get` as a process: killed, interrupted, out of disk, and at the head of a pipe."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.flows.scripted_origin import Origin, Plan, serving

from penstock.client.commands.get import get

ROWS = b"".join(b"%d,oak\n" % n for n in range(50_000))

PROGRAM = """
import sys
from penstock.client.commands import get as command
code = command.get(sys.argv[1], sys.argv[2], coding=sys.argv[3])
sys.exit(code)
"""
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))" + PROGRAM


def wait_for_bytes(part: Path, size: int, process: subprocess.Popen[str]) -> None:
    """Return when the process has written this much; the server holds it there."""
    while process.poll() is None:
        if part.exists() and part.stat().st_size == size:
            return
        os.sched_yield()
    pytest.fail("the process ended by itself")


def start(program: str, origin: Origin, output: str, coding: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, f"{origin.url}/t.csv", output, coding],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("coding", ["identity", "zstd"])
def test_a_killed_download_goes_on_in_the_next_process(tmp_path: Path, coding: str) -> None:
    file = tmp_path / "t.csv"
    with serving(Origin(content=ROWS)) as origin:
        origin.script = [Plan(cut=10_000, hold=True)]
        with start(PROGRAM, origin, str(file), coding) as process:
            wait_for_bytes(tmp_path / "t.csv.part", 10_000, process)
            process.kill()
        assert (tmp_path / "t.csv.part").read_bytes() == origin.coded_as(coding)[:10_000]
        assert get(f"{origin.url}/t.csv", str(file), quiet=True) == 0
    assert origin.asked[1].headers["Range"] == "bytes=10000-"
    assert file.read_bytes() == ROWS
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_an_interrupted_download_says_so_and_goes_on_later(tmp_path: Path) -> None:
    with serving(Origin(content=ROWS)) as origin:
        origin.script = [Plan(cut=10_000, hold=True)]
        with start(PROGRAM, origin, str(tmp_path / "t.csv"), "identity") as process:
            assert process.stderr is not None
            wait_for_bytes(tmp_path / "t.csv.part", 10_000, process)
            process.send_signal(signal.SIGINT)
            said = process.stderr.read()
            assert process.wait() == 130
        assert said.startswith("penstock get: Stopped.")
        assert said.count("\n") == 1
        assert get(f"{origin.url}/t.csv", str(tmp_path / "t.csv"), quiet=True) == 0
    assert origin.asked[1].headers["Range"] == "bytes=10000-"


@pytest.mark.parametrize("coding", ["identity", "zstd"])
def test_a_full_disk_is_one_clear_line_and_loses_nothing(tmp_path: Path, coding: str) -> None:
    with (
        serving(Origin(content=ROWS)) as origin,
        start(LIMITED, origin, str(tmp_path / "t.csv"), coding) as process,
    ):
        out, said = process.communicate()
    assert (process.returncode, out, said.count("\n")) == (1, "", 1)
    assert "Can't write" in said
    assert "bytes are kept: the same command goes on there." in said
    part = (tmp_path / "t.csv.part").read_bytes()
    assert 0 < len(part) <= 100_000
    assert origin.coded_as(coding).startswith(part)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv.part", "t.csv.part.json"]


def test_standard_output_gets_the_bytes_and_standard_error_the_words() -> None:
    with serving(Origin(content=ROWS)) as origin:
        origin.script = [Plan(cut=9000)]
        with start(PROGRAM, origin, "-", "zstd") as process:
            out, said = process.communicate()
    assert out.encode() == ROWS
    assert process.returncode == 0
    assert said.startswith("standard output: 50,000 rows, ")
    assert "matches the receipt" in said


def test_a_reader_that_leaves_ends_the_download_without_a_trace() -> None:
    with (
        serving(Origin(content=ROWS * 4)) as origin,
        start(PROGRAM, origin, "-", "identity") as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "0,oak\n"
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait() == 1
    assert said == "penstock get: Whoever reads standard output has left.\n"


def test_the_last_line_says_what_was_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Origin(content=ROWS)) as origin:
        assert get(f"{origin.url}/t.csv", str(tmp_path / "a.csv")) == 0
        said = capsys.readouterr().err
        assert said.startswith("a.csv: 50,000 rows, 488.9 kB, ")
        assert "verified: sha256 " in said
        origin.receipt = lambda _: None
        assert get(f"{origin.url}/t.csv", str(tmp_path / "b.csv")) == 0
        assert "not verified: the server has no receipt" in capsys.readouterr().err
        assert get(f"{origin.url}/t.csv", str(tmp_path / "c.csv"), quiet=True) == 0
        assert capsys.readouterr() == ("", "")


def test_the_key_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PENSTOCK_KEY", raising=False)
    monkeypatch.setenv("OTHER_KEY", " pk_other\n")
    with serving(Origin(content=ROWS)) as origin:
        url = f"{origin.url}/t.csv"
        assert get(url, str(tmp_path / "1.csv"), quiet=True) == 0
        assert get(url, str(tmp_path / "2.csv"), quiet=True, key_env="OTHER_KEY") == 0
        monkeypatch.setenv("PENSTOCK_KEY", "pk_usual")
        assert get(url, str(tmp_path / "3.csv"), quiet=True) == 0
        assert get(url, str(tmp_path / "4.csv"), quiet=True, key_env="UNSET_KEY") == 2
        monkeypatch.setenv("PENSTOCK_KEY", "pk_ü")
        assert get(url, str(tmp_path / "5.csv"), quiet=True) == 2
    keys = [asked.headers.get("X-Api-Key") for asked in origin.asked]
    assert keys == [None, "pk_other", "pk_usual"]
    assert "pk_" not in capsys.readouterr().err
