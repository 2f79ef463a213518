"""Ranges of large tables: the state machine, who begins it, and what it may call."""

import json
from typing import Any

import pytest
from tests.flows.map_run import FUNCTION, MACHINE, MapRun, definition
from tests.template.policies import allowed
from tests.template.templates import Template, expanded, listed, resources

NAME = "${AWS::StackName}-ranges"
_ARN = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
GIVEN = {"tenant": "acme", "job_id": "J", "token": 2, "numbers": [0, 1, 2], "at_once": 2}


@pytest.fixture(scope="module")
def stack() -> Template:
    return expanded("template.yaml")


@pytest.fixture(scope="module")
def machine(stack: Template) -> Template:
    (found,) = resources(stack, "AWS::StepFunctions::StateMachine").values()
    return found


def rights_of(stack: Template, role: str) -> dict[str, list[Any]]:
    """Give the resources of each right to Step Functions and Lambda that a role has."""
    return {
        action: listed(statement["Resource"])
        for name, statement in allowed(stack)
        if name == role and "Principal" not in statement
        for action in listed(statement["Action"])
        if action.startswith(("states:", "lambda:"))
    }


def test_each_range_is_one_call_of_the_function_with_what_it_needs() -> None:
    run = MapRun(definition(), GIVEN)
    called: list[Any] = []

    def invoke(event: Any) -> dict[str, str]:
        called.append(event)
        return {"outcome": "read"}

    assert run.all(invoke)
    assert run.at_once == 2
    own = {"tenant": "acme", "job_id": "J", "token": 2}
    assert sorted(called, key=lambda event: event["number"]) == [
        {**own, "number": number} for number in range(3)
    ]


@pytest.mark.parametrize("outcome", ["failed", "left", "anything"])
def test_a_range_that_was_not_read_fails_the_execution(outcome: str) -> None:
    assert not MapRun(definition(), GIVEN).all(lambda _: {"outcome": outcome})


def test_what_lambda_fails_at_is_tried_again() -> None:
    (state,) = (
        each
        for each in definition()["States"]["ReadRanges"]["ItemProcessor"]["States"].values()
        if each["Type"] == "Task"
    )
    (retry,) = state["Retry"]
    assert "Lambda.TooManyRequestsException" in retry["ErrorEquals"]
    # The function's own errors, and what nobody foresaw, are not Lambda's.
    assert all(each.startswith("Lambda.") for each in retry["ErrorEquals"])
    assert "Lambda.Unknown" not in retry["ErrorEquals"]


def test_an_execution_ends_when_nobody_can_wait_for_it_any_more(
    stack: Template, machine: Template
) -> None:
    functions = resources(stack, "AWS::Lambda::Function")
    waits = functions["LargeWorkFunction"]["Timeout"]
    assert machine["Definition"]["TimeoutSeconds"] == waits
    assert functions["RangeFunction"]["Timeout"] <= waits


def test_the_machine_logs_what_fails_and_nothing_that_it_was_told(
    stack: Template, machine: Template
) -> None:
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    (place,) = logging["Destinations"]
    assert place["CloudWatchLogsLogGroup"]["LogGroupArn"] == {"Fn::GetAtt": ["RangesLogs", "Arn"]}
    assert stack["Resources"]["RangesLogs"]["Properties"]["KmsKeyId"]
    assert machine["TracingConfiguration"] == {"Enabled": True}


def test_the_machine_may_call_the_function_and_follow_itself(
    stack: Template, machine: Template
) -> None:
    assert machine["StateMachineName"] == {"Fn::Sub": NAME}
    assert machine["RoleArn"] == {"Fn::GetAtt": ["RangesRole", "Arn"]}
    assert machine["DefinitionSubstitutions"]["RangeFunction"] == {
        "Fn::GetAtt": ["RangeFunction", "Arn"]
    }
    assert FUNCTION in json.dumps(definition())
    executions = [{"Fn::Sub": f"{_ARN}:execution:{NAME}*"}]
    assert rights_of(stack, "RangesRole") == {
        "lambda:InvokeFunction": [{"Fn::GetAtt": ["RangeFunction", "Arn"]}],
        "states:StartExecution": [{"Fn::Sub": f"{_ARN}:stateMachine:{NAME}"}],
        "states:DescribeExecution": executions,
        "states:StopExecution": executions,
    }


def test_the_function_for_large_jobs_alone_has_ranges_read(stack: Template) -> None:
    executions = [{"Fn::Sub": f"{_ARN}:execution:{NAME}:*"}]
    assert rights_of(stack, "LargeWorkRole") == {
        "states:StartExecution": [{"Ref": MACHINE}],
        "states:DescribeExecution": executions,
        "states:StopExecution": executions,
    }
    begin = [
        name
        for name, statement in allowed(stack)
        if "states:StartExecution" in listed(statement["Action"])
    ]
    assert sorted(begin) == ["LargeWorkRole", "RangesRole"]
    variables = resources(stack, "AWS::Lambda::Function")["LargeWorkFunction"]["Environment"]
    assert variables["Variables"]["PENSTOCK_RANGES_MACHINE"] == {"Ref": MACHINE}
    assert variables["Variables"]["PENSTOCK_EXPORT_READERS"] == {"Ref": "RangeConcurrency"}


def test_a_reader_of_ranges_stands_where_workers_do(stack: Template) -> None:
    functions = resources(stack, "AWS::Lambda::Function")
    reader, worker = functions["RangeFunction"], functions["LargeWorkFunction"]
    assert reader["VpcConfig"] == worker["VpcConfig"]
    assert reader["Layers"] == worker["Layers"]
    assert reader["MemorySize"] == {"Ref": "RangeMemoryMegabytes"}
    reserved = reader["ReservedConcurrentExecutions"]["Fn::If"]
    assert reserved[:2] == ["HasRangeReservedConcurrency", {"Ref": "RangeReservedConcurrency"}]
    assert "FunctionUrlConfig" not in reader
