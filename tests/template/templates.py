"""The project's templates as the tests look at them: expanded, and as plain JSON."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import missing

ROOT = Path(__file__).parents[2]
TEMPLATES = ("template.yaml", "edge/firewall.yaml", "edge/watch.yaml")

Template = Mapping[str, Any]

_SECONDS = 180


def tool(venv: str, program: str) -> Path:
    """Find a program of a tool's venv, which `make tools` makes."""
    found = ROOT / ".tools" / venv / "bin" / program
    if not found.exists():
        missing(f"{found} is missing: run `make tools`")
    return found


def run(
    program: Path, *arguments: str, answers: frozenset[int] = frozenset({0})
) -> "subprocess.CompletedProcess[str]":
    """Run a tool at the project's root; any other exit code than `answers` fails the test."""
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-2", "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(
        [program, *arguments],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    assert done.returncode in answers, f"{done.stdout}\n{done.stderr}"
    return done


@cache
def expanded(name: str) -> Template:
    """Give a template as CloudFormation gets it, with the short forms of functions written out."""
    done = run(tool("sam", "python"), str(ROOT / "tools" / "expand.py"), name)
    template: Template = json.loads(done.stdout)
    return template


def resources(template: Template, kind: str) -> dict[str, Template]:
    """Give the properties of every resource of a kind, by logical name."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def everything_in(value: object) -> Iterator[object]:
    """Give a value and all that is in it, keys of objects included."""
    yield value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from everything_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from everything_in(inner)


def texts(value: object) -> Iterator[str]:
    """Give every text in a value."""
    return (each for each in everything_in(value) if isinstance(each, str))


def listed(value: object) -> list[Any]:
    """Give what may stand alone or in a list as a list."""
    return value if isinstance(value, list) else [value]
