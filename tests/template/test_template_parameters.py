"""Parameters, stages and outputs; and that no secret or account stands in any of them."""

import re
import tomllib
from typing import Any

import pytest
from tests.template.templates import ROOT, TEMPLATES, Template, expanded, texts

STAGES = ("dev", "staging", "prod", "prod-secondary")
_CONSTRAINTS = {"AllowedPattern", "AllowedValues", "MinValue"}

ACCOUNTS = {"753240598075": "publishes the Lambda Web Adapter"}


@pytest.fixture(scope="module", params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> Template:
    return expanded(request.param)


@pytest.fixture(scope="module")
def stages() -> dict[str, Any]:
    return tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))


def overrides(stage: dict[str, Any]) -> dict[str, str]:
    pairs = (each.partition("=") for each in stage["deploy"]["parameters"]["parameter_overrides"])
    return {name: value for name, _, value in pairs}


def fits(value: str, parameter: Template) -> bool:
    if "AllowedValues" in parameter:
        return value in map(str, parameter["AllowedValues"])
    if "MinValue" in parameter:
        least, most = int(parameter["MinValue"]), int(parameter.get("MaxValue", value))
        return least <= int(value) <= most
    return re.fullmatch(parameter["AllowedPattern"], value) is not None


def test_every_parameter_is_described_and_constrained(template: Template) -> None:
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"].strip(), name
        assert _CONSTRAINTS & set(parameter), name
        if "Default" in parameter:
            assert fits(str(parameter["Default"]), parameter), name


def test_every_parameter_is_used(template: Template) -> None:
    used = " ".join(texts({**template, "Parameters": {}, "Metadata": {}}))
    for name in template["Parameters"]:
        # The translator puts a parameter's default where SAM needs to know its value.
        assert re.search(rf"\b{name}\b", used) or name == "Rollout", name


def test_every_parameter_of_the_stack_stands_in_a_group() -> None:
    stack = expanded("template.yaml")
    groups = stack["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(stack["Parameters"])


def test_every_parameter_of_the_stack_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "guide" / "deploy.md").read_text(encoding="utf-8")
    for name in expanded("template.yaml")["Parameters"]:
        assert f"`{name}`" in guide, name


def test_no_secret_and_no_account_stands_in_a_template(template: Template) -> None:
    for text in texts(template):
        assert not re.search(r"AKIA[0-9A-Z]{16}|-----BEGIN|xox[bp]-|gh[pousr]_", text), text
        for account in re.findall(r"(?<![0-9])[0-9]{12}(?![0-9])", text):
            assert account in ACCOUNTS, text
    for name, parameter in template["Parameters"].items():
        assert not re.search("secret|password|token", name, re.IGNORECASE), name
        assert parameter["Type"] in {"String", "Number"}, name


def test_stages_name_parameters_with_values_that_they_may_have(stages: dict[str, Any]) -> None:
    parameters = expanded("template.yaml")["Parameters"]
    assert set(STAGES) <= set(stages)
    for name in STAGES:
        for parameter, value in overrides(stages[name]).items():
            assert fits(value, parameters[parameter]), (name, parameter)


def test_stages_are_stacks_of_their_own(stages: dict[str, Any]) -> None:
    deployed = [stages[name]["deploy"]["parameters"] for name in STAGES]
    assert len({(each["stack_name"], each["region"]) for each in deployed}) == len(STAGES)
    # Names of global things (a table that is copied, a bucket's logs) begin with the stack's.
    assert len({each["stack_name"] for each in deployed}) == len(STAGES)
    for each in deployed:
        assert {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"} <= set(each["capabilities"].split())
        assert each["resolve_s3"] is True


def test_the_second_region_is_another_one_for_the_same_stage(stages: dict[str, Any]) -> None:
    first, second = (stages[name] for name in ("prod", "prod-secondary"))
    regions = [stage["deploy"]["parameters"]["region"] for stage in (first, second)]
    assert regions[0] != regions[1]
    assert overrides(first)["Environment"] == overrides(second)["Environment"]
    keys = f"{first['deploy']['parameters']['stack_name']}-keys"
    assert overrides(second)["ExistingKeysTable"] == keys


def test_no_account_stands_in_samconfig() -> None:
    text = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
    assert not re.search(r"[0-9]{12}|arn:", text)


def test_outputs_say_what_they_are_for_and_print_the_url_to_try(template: Template) -> None:
    for name, output in template.get("Outputs", {}).items():
        assert output["Description"].strip(), name
    if "Distribution" in template["Resources"]:
        url = template["Outputs"]["Url"]["Value"]["Fn::Sub"]
        assert url == "https://${Distribution.DomainName}/-/healthz"
