"""The example of a workflow: it names stages, targets and outputs that there are."""

import re
import tomllib
from typing import Any

import pytest
import yaml
from tests.template.templates import ROOT, expanded

_GUIDE = ROOT / "docs" / "guide"
FILES = ("deploy-with-github-actions.yaml", "deploy-with-github-actions-stage.yaml")


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_GUIDE / name).read_text(encoding="utf-8"))
    return loaded


def test_stages_are_deployed_as_samconfig_has_them() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    stages = {
        job["with"]["stage"]: job["with"]
        for job in workflow(FILES[0])["jobs"].values()
        if "with" in job
    }
    assert set(stages) == {name for name in config if isinstance(config[name], dict)} - {"default"}
    for name, given in stages.items():
        parameters = config[name]["deploy"]["parameters"]
        assert given["stack"] == parameters["stack_name"]
        assert given["region"] == parameters["region"]


def test_each_stage_waits_for_the_one_before_and_the_first_for_tests() -> None:
    jobs = workflow(FILES[0])["jobs"]
    assert jobs["dev"]["needs"] == ["test", "build"]
    assert [jobs[name]["needs"] for name in ("staging", "prod", "prod-secondary")] == [
        "dev",
        "staging",
        "prod",
    ]


@pytest.mark.parametrize("name", FILES)
def test_what_is_run_is_there(name: str) -> None:
    text = (_GUIDE / name).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    outputs = expanded("template.yaml")["Outputs"]
    parameters = expanded("edge/watch.yaml")["Parameters"]
    for target in re.findall(r"run: make (\S+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for output in re.findall(r"\(output (\w+)\)|OutputKey=='(\w+)'", text):
        assert "".join(output) in outputs
    for parameter in re.findall(r" (\w+)=\"\$", text):
        assert parameter in parameters


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_a_caller_is_written_into_a_command(name: str) -> None:
    for job in workflow(name)["jobs"].values():
        for step in job.get("steps", []):
            assert "${{" not in step.get("run", "")


def test_no_key_of_aws_is_stored() -> None:
    for name in FILES:
        assert "secrets." not in (_GUIDE / name).read_text(encoding="utf-8")
    stage = workflow(FILES[1])["jobs"]["deploy"]
    (login,) = (step for step in stage["steps"] if "credentials" in step.get("uses", ""))
    assert set(login["with"]) == {"role-to-assume", "aws-region"}
