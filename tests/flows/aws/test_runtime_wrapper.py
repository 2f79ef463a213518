"""The wrapper starts our runtime in place of the managed one, with the managed one's paths."""

import shutil
import subprocess
from pathlib import Path

from tests.flows.runtime_app import REPOSITORY

WRAPPER = REPOSITORY / "layers" / "web" / "penstock-stream"


def test_the_python_that_it_is_given_runs_the_runtime(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python3.13"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "$PYTHONPATH" "$@"\n')
    python.chmod(0o755)
    wrapper = tmp_path / "opt" / WRAPPER.name
    wrapper.parent.mkdir()
    shutil.copy(WRAPPER, wrapper)
    done = subprocess.run(
        [wrapper, python, "/var/runtime/bootstrap.py"],
        env={"PATH": "/bin:/usr/bin", "PYTHONPATH": "/var/runtime"},
        capture_output=True,
        text=True,
        check=True,
    )
    paths, *arguments = done.stdout.split()
    layers = tmp_path / "opt" / "python"
    packages = layers / "lib" / "python3.13" / "site-packages"
    assert paths == f"/var/task:{packages}:{layers}:/var/runtime"
    assert arguments == ["-m", "penstock.aws.runtime.loop"]
