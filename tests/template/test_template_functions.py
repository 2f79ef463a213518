"""Functions, layers and tables: what template.yaml says of them, and what the code expects."""

import importlib
import inspect
from itertools import product
from typing import Any

import pytest
from pydantic_settings import BaseSettings
from tests.template.templates import ROOT, Template, expanded, resources

from penstock.aws import gateway, handlers
from penstock.aws.keys import KEYS_TABLE
from penstock.aws.receipts import EXPIRES_ATTRIBUTE, RECEIPTS_TABLE
from penstock.settings import AwsSettings, RotationSettings

FUNCTIONS = ("DownloadFunction", "ApiFunction", "RotateOriginSecretFunction")
NO_VALUE = {"Ref": "AWS::NoValue"}
PROCESS_BYTES = 250_000_000
"""The process and its libraries, and the batches of an answer: beside what queries hold."""


@pytest.fixture(scope="module")
def stack() -> Template:
    return expanded("template.yaml")


@pytest.fixture(scope="module")
def functions(stack: Template) -> dict[str, Template]:
    return resources(stack, "AWS::Lambda::Function")


def variables_of(settings: type[BaseSettings]) -> dict[str, bool]:
    """Give the variables that settings are read from, and whether each one must be there."""
    prefix = settings.model_config["env_prefix"]
    return {
        str(field.validation_alias or f"{prefix}{name}").upper(): field.is_required()
        for name, field in settings.model_fields.items()
    }


def test_these_are_the_functions(functions: dict[str, Template]) -> None:
    assert set(functions) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_its_own_log_role_and_traces(
    stack: Template, functions: dict[str, Template], name: str
) -> None:
    function = functions[name]
    group = stack["Resources"][function["LoggingConfig"]["LogGroup"]["Ref"]]
    assert group["Type"] == "AWS::Logs::LogGroup"
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert stack["Resources"][function["Role"]["Fn::GetAtt"][0]]["Type"] == "AWS::IAM::Role"
    others = [functions[other] for other in FUNCTIONS if other != name]
    assert function["LoggingConfig"] not in [other["LoggingConfig"] for other in others]
    assert function["Role"] not in [other["Role"] for other in others]


def test_every_log_group_is_encrypted_and_ends(stack: Template) -> None:
    groups = resources(stack, "AWS::Logs::LogGroup") | resources(
        expanded("edge/firewall.yaml"), "AWS::Logs::LogGroup"
    )
    assert len(groups) == len(FUNCTIONS) + 2
    for group in groups.values():
        assert group["KmsKeyId"]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_is_there(functions: dict[str, Template], name: str) -> None:
    handler = functions[name]["Handler"]
    named = handler["Fn::If"][2] if isinstance(handler, dict) else handler
    module, _, function = named.rpartition(".")
    assert module in {gateway.__name__, handlers.__name__}
    assert inspect.isfunction(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("DownloadFunction", AwsSettings),
        ("ApiFunction", AwsSettings),
        ("RotateOriginSecretFunction", RotationSettings),
    ],
)
def test_variables_are_those_that_settings_are_read_from(
    functions: dict[str, Template], name: str, settings: type[BaseSettings]
) -> None:
    given = set(functions[name]["Environment"]["Variables"])
    read = variables_of(settings)
    assert {variable for variable, required in read.items() if required} <= given
    read |= variables_of(AwsSettings)  # what Powertools reads is every function's
    ours = {variable for variable in given if not variable.startswith("AWS_L")}
    assert ours <= set(read), "nobody reads these"


def test_only_the_function_that_checks_the_origin_secret_knows_it(
    functions: dict[str, Template],
) -> None:
    knowing = [
        name
        for name, function in functions.items()
        if "PENSTOCK_ORIGIN_SECRET_ARN" in function["Environment"]["Variables"]
    ]
    assert knowing == ["ApiFunction"]


def test_downloads_stream_by_our_loop_or_by_the_adapter(functions: dict[str, Template]) -> None:
    def chosen(value: Any, *, by_adapter: bool) -> Any:
        if isinstance(value, dict) and "Fn::If" in value:
            condition, adapter, runtime = value["Fn::If"]
            if condition == "ByWebAdapter":
                return adapter if by_adapter else runtime
        return value

    def streaming(*, by_adapter: bool) -> dict[str, Any]:
        download = functions["DownloadFunction"]
        variables = {
            name: chosen(value, by_adapter=by_adapter)
            for name, value in download["Environment"]["Variables"].items()
            if name.startswith("AWS_L")
        }
        layers = [chosen(layer, by_adapter=by_adapter) for layer in download["Layers"]]
        return {
            "handler": chosen(download["Handler"], by_adapter=by_adapter),
            "variables": {name: value for name, value in variables.items() if value != NO_VALUE},
            "layers": len([layer for layer in layers if layer != NO_VALUE]),
        }

    assert streaming(by_adapter=False) == {
        "handler": "penstock.aws.handlers.download",
        "variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/penstock-stream"},
        "layers": 2,
    }
    assert (ROOT / "layers/web/penstock-stream").stat().st_mode & 0o111
    by_adapter = streaming(by_adapter=True)
    assert by_adapter == {
        "handler": "penstock/aws/web-adapter",
        "variables": {
            "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
            "AWS_LWA_INVOKE_MODE": "response_stream",
            "AWS_LWA_PORT": "8000",
            "AWS_LWA_READINESS_CHECK_PATH": "/-/healthz",
        },
        "layers": 3,
    }
    assert (ROOT / "src" / by_adapter["handler"]).stat().st_mode & 0o111


def test_only_the_edge_may_call_the_function_url(stack: Template) -> None:
    (url,) = resources(stack, "AWS::Lambda::Url").values()
    assert (url["AuthType"], url["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")
    assert url["TargetFunctionArn"] == {"Ref": "DownloadFunctionAliaslive"}
    callers = [
        permission
        for permission in resources(stack, "AWS::Lambda::Permission").values()
        if permission["FunctionName"] == {"Ref": "DownloadFunctionAliaslive"}
    ]
    for source in ("${Distribution}", "PrimaryDistributionArn"):
        own = [caller for caller in callers if source in str(caller["SourceArn"])]
        assert {caller["Principal"] for caller in own} == {"cloudfront.amazonaws.com"}
        by_action = {caller["Action"]: caller for caller in own}
        assert set(by_action) == {"lambda:InvokeFunction", "lambda:InvokeFunctionUrl"}
        assert by_action["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True
        assert by_action["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == "AWS_IAM"
    assert len(callers) == 4


def test_a_new_version_takes_over_step_by_step_and_alarms_bring_the_old_one_back(
    stack: Template,
) -> None:
    groups = resources(stack, "AWS::CodeDeploy::DeploymentGroup")
    watched = {
        alarm["Name"]["Ref"]
        for group in groups.values()
        for alarm in group["AlarmConfiguration"]["Alarms"]
    }
    assert {"DownloadErrorsAlarm", "RowMismatchesAlarm", "ApiErrorsAlarm"} <= watched
    assert watched <= set(resources(stack, "AWS::CloudWatch::Alarm"))
    assert len(groups) == 2
    assert stack["Parameters"]["Rollout"]["Default"] == "Canary10Percent5Minutes"


def test_tables_are_those_that_the_adapters_stand_on(stack: Template) -> None:
    (receipts,) = resources(stack, "AWS::DynamoDB::Table").values()
    (keys,) = resources(stack, "AWS::DynamoDB::GlobalTable").values()
    assert {name: receipts.get(name) for name in RECEIPTS_TABLE} == RECEIPTS_TABLE
    assert {name: keys.get(name) for name in KEYS_TABLE} == KEYS_TABLE
    assert receipts["TimeToLiveSpecification"] == {
        "AttributeName": EXPIRES_ATTRIBUTE,
        "Enabled": True,
    }


def test_tables_are_encrypted_with_our_key_and_can_be_brought_back(stack: Template) -> None:
    (receipts,) = resources(stack, "AWS::DynamoDB::Table").values()
    (keys,) = resources(stack, "AWS::DynamoDB::GlobalTable").values()
    here, elsewhere = keys["Replicas"]
    our_key = {"Fn::GetAtt": ["DataKey", "Arn"]}
    assert receipts["SSESpecification"]["KMSMasterKeyId"] == our_key
    assert here["SSESpecification"]["KMSMasterKeyId"] == our_key
    for table in (receipts, here, elsewhere["Fn::If"][1]):
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_the_api_says_that_a_query_is_slow_before_its_time_is_over(
    functions: dict[str, Template],
) -> None:
    api = functions["ApiFunction"]
    seconds = float(api["Environment"]["Variables"]["PENSTOCK_QUERY_SECONDS"])
    assert seconds + 3 < api["Timeout"] < 30  # API Gateway waits no longer


def test_queries_leave_room_for_the_process_in_the_apis_memory(
    functions: dict[str, Template],
) -> None:
    api = functions["ApiFunction"]
    held = int(api["Environment"]["Variables"]["PENSTOCK_ENGINE_MEMORY_BYTES"])
    assert held + PROCESS_BYTES <= api["MemorySize"] * 2**20


def test_only_the_record_that_fails_over_is_checked(stack: Template) -> None:
    (check,) = (
        each for each in stack["Resources"].values() if each["Type"] == "AWS::Route53::HealthCheck"
    )
    assert check["Condition"] == "IsPrimary"
    (records,) = resources(stack, "AWS::Route53::RecordSetGroup").values()
    for record in records["RecordSets"]:
        assert record["HealthCheckId"]["Fn::If"] == [
            "IsPrimary",
            {"Ref": "RegionIsHealthy"},
            NO_VALUE,
        ]


def test_sizes_are_parameters_with_room_for_what_streams_hold(
    stack: Template, functions: dict[str, Template]
) -> None:
    download = functions["DownloadFunction"]
    assert download["MemorySize"] == {"Ref": "MemoryMegabytes"}
    assert download["Timeout"] == {"Ref": "TimeoutSeconds"}
    parameters = stack["Parameters"]
    assert parameters["MemoryMegabytes"]["Default"] == 1024
    assert parameters["TimeoutSeconds"]["Default"] == 120
    variables = download["Environment"]["Variables"]
    # A spool is kept up to four times over, beside sorts.
    held = int(variables["PENSTOCK_SORT_SPILL_BYTES"]) + 4 * int(variables["PENSTOCK_SPOOL_BYTES"])
    assert held <= parameters["ScratchMegabytes"]["MinValue"] * 2**20


def holds(condition: Any, chosen: dict[str, str]) -> bool:
    """Work a condition of a rule out, for chosen parameters."""

    def value(each: Any) -> Any:
        return chosen[each["Ref"]] if isinstance(each, dict) else each

    match condition:
        case {"Fn::Equals": [one, other]}:
            return bool(value(one) == value(other))
        case {"Fn::Contains": [several, one]}:
            return value(one) in several
    raise AssertionError(f"unknown: {condition}")


def test_what_queries_hold_fits_in_memory_or_a_rule_refuses_it(stack: Template) -> None:
    rules = [rule for name, rule in stack["Rules"].items() if name.startswith("QueriesFitIn")]
    parameters = stack["Parameters"]
    accepted = set()
    for megabytes, held in product(
        parameters["MemoryMegabytes"]["AllowedValues"],
        parameters["EngineMemoryBytes"]["AllowedValues"],
    ):
        chosen = {"MemoryMegabytes": str(megabytes), "EngineMemoryBytes": str(held)}
        fits = held + PROCESS_BYTES <= megabytes * 2**20
        taken = all(
            holds(assertion["Assert"], chosen)
            for rule in rules
            if holds(rule["RuleCondition"], chosen)
            for assertion in rule["Assertions"]
        )
        assert fits or not taken, chosen
        if taken:
            accepted.add((megabytes, held))
    default = parameters["EngineMemoryBytes"]["Default"]
    assert {(512, default), (1024, default), (2048, default)} <= accepted
