"""The download benchmark runs from its dataset to its table, and finds nothing wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "bench" / "download.py"


@pytest.mark.long
def test_the_quick_benchmark_checks_every_format_and_prints_its_targets(tmp_path: Path) -> None:
    results = tmp_path / "results"
    folders = ["--work", str(tmp_path / "work"), "--results", str(results)]
    ended = subprocess.run(
        [sys.executable, str(PROGRAM), "--quick", "--no-peers", *folders],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert "| target " in ended.stdout
    (written,) = results.iterdir()
    body = json.loads(written.read_text())
    assert any(line.startswith("CSV: 200,000 rows equal") for line in body["results"]["checked"])
    assert not body["results"]["failures"]
