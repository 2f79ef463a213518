"""Alarms: what they watch is measured, and each one says what to do."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.template.templates import ROOT, Template, expanded, resources

from penstock.aws.logs import requests, work

WANTED = {
    "aborted-streams",
    "api-errors",
    "dead-letters",
    "download-duration",
    "download-errors",
    "download-throttles",
    "edge-errors",
    "origin-secret-rotation",
    "push-errors",
    "queue-age",
    "replication",
    "row-mismatches",
    "sweep-stopped",
    "work-errors",
}
WORKERS = ("SmallWorkFunction", "MediumWorkFunction", "LargeWorkFunction")


def alarms() -> dict[str, Template]:
    """Give every alarm by its name without the stack's."""
    found = {
        **resources(expanded("template.yaml"), "AWS::CloudWatch::Alarm"),
        **resources(expanded("edge/watch.yaml"), "AWS::CloudWatch::Alarm"),
    }
    return {alarm["AlarmName"]["Fn::Sub"].partition("}-")[2]: alarm for alarm in found.values()}


def written_metrics() -> list[str]:
    """Give the names of the metrics that functions write about requests, and about work."""
    modules = (requests, work)
    return [
        name
        for module in modules
        for name in re.findall(r'add_metric\("(\w+)"', (ROOT / str(module.__file__)).read_text())
    ]


def test_these_are_the_alarms() -> None:
    assert set(alarms()) == WANTED


@pytest.mark.parametrize("name", sorted(WANTED))
def test_an_alarm_names_its_runbook_and_tells_somebody(name: str) -> None:
    alarm = alarms()[name]
    (runbook,) = re.findall(r"docs/operations/\S+", alarm["AlarmDescription"])
    assert runbook == f"docs/operations/{name}.md"
    assert (ROOT / runbook).is_file(), f"{runbook} isn't written yet"
    assert alarm["AlarmActions"] == alarm["OKActions"] != []
    # What ought to run each minute leaves no data where it doesn't.
    missing = "breaching" if name == "sweep-stopped" else "notBreaching"
    assert alarm["TreatMissingData"] == missing


@pytest.mark.parametrize("name", ["download-errors", "api-errors"])
def test_errors_are_counted_in_percent_of_what_was_asked(name: str) -> None:
    alarm = alarms()[name]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (5, "GreaterThanThreshold")
    (returned,) = (each for each in alarm["Metrics"] if each.get("ReturnData", True))
    assert returned["Expression"] == (
        "IF(asked > 0, 100 * (failed + FILL(answered, 0)) / asked, 0)"
    )
    assert {each["Id"] for each in alarm["Metrics"]} == {"answered", "asked", "failed", "percent"}


@pytest.mark.parametrize(
    ("name", "function"), [("download-errors", "DownloadFunction"), ("api-errors", "ApiFunction")]
)
def test_a_500_that_nobody_foresaw_counts_though_it_was_sent_whole(
    name: str, function: str
) -> None:
    """Lambda takes such an answer for a success, and so would a rollout."""
    metrics = {
        each["Id"]: each["MetricStat"]["Metric"]
        for each in alarms()[name]["Metrics"]
        if "MetricStat" in each
    }
    stack = expanded("template.yaml")["Resources"]
    variables = stack[function]["Properties"]["Environment"]["Variables"]
    assert metrics["answered"] == {
        "Namespace": variables["POWERTOOLS_METRICS_NAMESPACE"],
        "MetricName": "Failures",
        "Dimensions": [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}],
    }
    assert metrics["answered"]["MetricName"] in written_metrics()
    own = [{"Name": "FunctionName", "Value": {"Ref": function}}]
    for each, called in (("failed", "Errors"), ("asked", "Invocations")):
        assert metrics[each] == {
            "Namespace": "AWS/Lambda",
            "MetricName": called,
            "Dimensions": own,
        }


@pytest.mark.parametrize(
    ("function", "watched"),
    [
        (
            "DownloadFunction",
            {"download-errors", "download-throttles", "aborted-streams", "row-mismatches"},
        ),
        ("ApiFunction", {"api-errors"}),
    ],
)
def test_these_alarms_bring_the_old_version_back(function: str, watched: set[str]) -> None:
    stack = expanded("template.yaml")["Resources"]
    group = stack[f"{function}DeploymentGroup"]["Properties"]
    named = [each["Name"]["Ref"] for each in group["AlarmConfiguration"]["Alarms"]]
    found = {stack[name]["Properties"]["AlarmName"]["Fn::Sub"].partition("}-")[2] for name in named}
    assert found == watched


def test_thresholds_are_those_that_were_decided() -> None:
    found = alarms()
    assert found["download-duration"]["Threshold"] == 50_000
    assert found["download-duration"]["ExtendedStatistic"] == "p95"
    assert found["download-throttles"]["Threshold"] == 0
    assert found["row-mismatches"]["Threshold"] == 0


@pytest.mark.parametrize("name", ["aborted-streams", "row-mismatches"])
def test_our_own_metrics_are_watched_under_the_names_that_they_are_written_with(name: str) -> None:
    alarm = alarms()[name]
    function = expanded("template.yaml")["Resources"]["DownloadFunction"]["Properties"]
    variables = function["Environment"]["Variables"]
    assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
    (dimension,) = alarm["Dimensions"]
    assert dimension == {"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}
    assert alarm["MetricName"] in written_metrics()


@pytest.mark.parametrize("service", ["download", "api"])
def test_the_dashboard_shows_failures(service: str) -> None:
    (dashboard,) = resources(expanded("template.yaml"), "AWS::CloudWatch::Dashboard").values()
    shown = f'["Penstock", "Failures", "service", "${{AWS::StackName}}-{service}"]'
    assert shown in dashboard["DashboardBody"]["Fn::Sub"]


def test_the_dashboard_shows_every_alarm_of_its_region() -> None:
    stack = expanded("template.yaml")
    (dashboard,) = resources(stack, "AWS::CloudWatch::Dashboard").values()
    shown = set(re.findall(r"\$\{(\w+Alarm)\.Arn\}", dashboard["DashboardBody"]["Fn::Sub"]))
    always = {
        name
        for name in resources(stack, "AWS::CloudWatch::Alarm")
        if "Condition" not in stack["Resources"][name]
    }
    assert shown == always


def test_each_queue_has_an_age_that_its_jobs_may_reach() -> None:
    alarm = alarms()["queue-age"]
    (returned,) = (each for each in alarm["Metrics"] if "Expression" in each)
    condition, with_own, without = returned["Expression"]["Fn::If"]
    assert condition == "HasOwnQueue"
    ages = {"small": "300", "medium": "900", "large": "3600"}
    for expression, expected in ((with_own, {**ages, "own": "3600"}), (without, ages)):
        assert dict(re.findall(r"FILL\((\w+), 0\) / (\d+)", expression)) == expected
    (own,) = (each["Fn::If"] for each in alarm["Metrics"] if "Fn::If" in each)
    assert (own[0], own[2]) == ("HasOwnQueue", {"Ref": "AWS::NoValue"})
    for each in (*alarm["Metrics"], own[1]):
        if "MetricStat" in each:
            metric = each["MetricStat"]["Metric"]
            assert metric["MetricName"] == "ApproximateAgeOfOldestMessage"
            queue = f"{each['Id'].capitalize()}Queue"
            assert metric["Dimensions"] == [
                {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}
            ]


def test_errors_of_work_are_those_of_each_worker_and_what_nobody_foresaw() -> None:
    metrics = {
        each["Id"]: each["MetricStat"]["Metric"]
        for each in alarms()["work-errors"]["Metrics"]
        if "MetricStat" in each
    }
    watched = [
        each["Dimensions"][0]["Value"]["Ref"]
        for each in metrics.values()
        if each["MetricName"] == "Errors"
    ]
    assert watched == [*WORKERS, "RangeFunction"]
    stack = expanded("template.yaml")["Resources"]
    for worker in WORKERS:
        variables = stack[worker]["Properties"]["Environment"]["Variables"]
        assert metrics["unforeseen"] == {
            "Namespace": variables["POWERTOOLS_METRICS_NAMESPACE"],
            "MetricName": "Failures",
            "Dimensions": [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}],
        }


def test_sockets_that_do_not_open_or_hear_are_told_of_whatever_fails() -> None:
    alarm = alarms()["push-errors"]
    (sum_of_all,) = (each for each in alarm["Metrics"] if "Expression" in each)
    metrics = {
        each["Id"]: each["MetricStat"]["Metric"]
        for each in alarm["Metrics"]
        if "MetricStat" in each
    }
    assert set(re.findall(r"FILL\((\w+), 0\)", sum_of_all["Expression"])) == set(metrics)
    assert not any(each["ReturnData"] for each in alarm["Metrics"] if "MetricStat" in each)
    bus = metrics.pop("undelivered")
    of_functions = {
        (each["Dimensions"][0]["Value"]["Ref"], each["MetricName"]) for each in metrics.values()
    }
    assert of_functions == {
        (function, name)
        for function in ("PushFunction", "SocketFunction")
        for name in ("Errors", "Throttles")
    }
    (rule,) = resources(expanded("template.yaml"), "AWS::Events::Rule").values()
    assert bus == {
        "Namespace": "AWS/Events",
        "MetricName": "FailedInvocations",
        "Dimensions": [
            {"Name": "EventBusName", "Value": rule["EventBusName"]},
            {"Name": "RuleName", "Value": rule["Name"]},
        ],
    }


def test_the_page_of_costs_counts_every_alarm_that_always_stands_and_what_it_watches() -> None:
    counts = [
        sum("MetricStat" in metric for metric in resource["Properties"].get("Metrics", [])) or 1
        for name in ("template.yaml", "edge/watch.yaml")
        for resource in expanded(name)["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Condition" not in resource
    ]
    page = (ROOT / "docs" / "guide" / "costs.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"alarms: (\d+), which watch (\d+) metrics", page)
    assert told == (str(len(counts)), str(sum(counts)))


def spelled_out(metrics: list[list[Any]]) -> Iterator[list[str]]:
    """Give a widget's metrics without the short forms "." and "..." for what stood before."""
    before: list[str] = []
    for metric in metrics:
        said = [each for each in metric if isinstance(each, str)]
        if said[:1] == ["..."]:
            said = [*before[: len(before) - len(said) + 1], *said[1:]]
        before = [before[place] if each == "." else each for place, each in enumerate(said)]
        yield before


def test_the_dashboard_shows_errors_of_every_function_but_the_rotation() -> None:
    stack = expanded("template.yaml")
    (dashboard,) = resources(stack, "AWS::CloudWatch::Dashboard").values()
    body = json.loads(dashboard["DashboardBody"]["Fn::Sub"])
    shown = {
        metric[-1].strip("${}")
        for widget in body["widgets"]
        for metric in spelled_out(widget["properties"].get("metrics", []))
        if metric[:3] == ["AWS/Lambda", "Errors", "FunctionName"]
    }
    # The one that runs each month has an alarm of its own.
    functions = set(resources(stack, "AWS::Lambda::Function"))
    assert shown == functions - {"RotateOriginSecretFunction"}


def test_the_dashboard_shows_our_metrics_under_the_names_that_they_are_written_with() -> None:
    (dashboard,) = resources(expanded("template.yaml"), "AWS::CloudWatch::Dashboard").values()
    body = json.loads(dashboard["DashboardBody"]["Fn::Sub"])
    widgets = [each["properties"].get("metrics", []) for each in body["widgets"]]
    shown = set()
    for metrics in widgets:
        namespace = ""
        for metric in metrics:
            if isinstance(metric[0], str) and metric[0] not in {".", "..."}:
                namespace = metric[0]
            if namespace == "Penstock" and isinstance(metric[0], str) and metric[0] != "...":
                shown.add(metric[1])
    assert {"JobsSucceeded", "RowsExported", "WorkSeconds"} <= shown <= set(written_metrics())
