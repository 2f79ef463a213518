"""What serves downloads alone loads nothing of what jobs need."""

import json
import subprocess
import sys

import pytest

JOBS = (
    "penstock.exports",
    "penstock.jobs",
    "penstock.signals",
    "penstock.web.jobs",
    "psycopg",
    "websockets",
)


def loaded_with(module: str) -> list[str]:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60
    )
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "module", ["penstock.web.downloading_app", "penstock.web.app", "penstock.web.wiring"]
)
def test_jobs_are_loaded_where_they_are_taken_and_nowhere_else(module: str) -> None:
    loaded = loaded_with(module)
    assert [name for name in loaded if name.startswith(JOBS)] == []
