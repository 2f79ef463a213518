"""The benchmarks run from their datasets to their tables, and find nothing wrong."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def results_of(program: str, *options: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """Run a benchmark; gives what it prints, and the JSON that it writes."""
    results = folder / "results"
    folders = ["--work", str(folder / "work"), "--results", str(results)]
    ended = subprocess.run(
        [sys.executable, str(BENCH / program), "--quick", *options, *folders],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    (written,) = results.iterdir()
    return ended.stdout, json.loads(written.read_text())


@pytest.mark.long
def test_the_quick_benchmark_checks_every_format_and_prints_its_targets(tmp_path: Path) -> None:
    printed, body = results_of("download.py", "--no-peers", folder=tmp_path)
    assert "| target " in printed
    assert any(line.startswith("CSV: 200,000 rows equal") for line in body["results"]["checked"])
    assert not body["results"]["failures"]


@pytest.mark.long
def test_the_quick_function_benchmark_measures_each_part_and_prints_its_targets(
    tmp_path: Path,
) -> None:
    printed, body = results_of("lambda.py", folder=tmp_path)
    assert "| target " in printed
    assert all(target["measured"] is not None for target in body["targets"])
    measured = body["results"]
    assert "layers as deployed" in measured["program"]
    assert {"local files", "S3"} == set(measured["pairs"]["transfers"])
    asked = [each["what"] for each in measured["slices"]["requests"]]
    assert {"GetItem", "PutItem", "HEAD rows.parquet"} <= set(asked)
    sent = {case: each["taken"]["size"] for case, each in measured["delivered"].items()}
    assert sent["CSV"] > 3 * sent["CSV, gzip"] > sent["CSV, zstd"]
    assert not [each["failure"] for each in measured["weights"] if each["failure"]]


@pytest.mark.long
def test_the_quick_exports_benchmark_loses_no_job_and_prints_its_targets(tmp_path: Path) -> None:
    small = ("--rows", "20000", "--large", "30000", "--slice-rows", "20000", "--rounds", "1")
    asked = ("--posts", "3", "--at-once", "20", "--csv")
    printed, body = results_of("exports.py", *small, *asked, folder=tmp_path)
    assert "| target " in printed
    assert all(target["measured"] is not None for target in body["targets"])
    measured = body["results"]
    assert not measured["failures"]
    assert [line.split()[0] for line in measured["checked"]] == ["20,000", "20,000", "30,000"]
    made = (*measured["exports"], *measured["side_by_side"], *measured["large"])
    assert [each["rows"] for each in made] == [20_000, 20_000, 30_000]
    assert all(
        pair["told"]["writes"] > pair["silent"]["writes"] for pair in measured["progress"]["pairs"]
    )
    asked_for = [each["what"] for each in measured["of_function"]["counted_post"]["calls"]]
    assert asked_for.count("TransactWriteItems") == asked_for.count("SendMessage") == 1
    assert len(measured["peers"]) == 4
    assert {each["rows"] for made in measured["slices"].values() for each in made} == {20_000}
    answers = measured["answers"]
    assert answers["crowd_made"] == answers["crowd_told"] == answers["crowd_asked"] == 20
