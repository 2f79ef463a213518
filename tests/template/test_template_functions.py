"""Functions, layers and tables: what template.yaml says of them, and what the code expects."""

import importlib
import inspect
import json
import re
from itertools import product
from typing import Any

import pytest
from pydantic_settings import BaseSettings
from tests.template.policies import allowed
from tests.template.templates import ROOT, Template, expanded, listed, resources

from penstock.aws.jobs import items, listener_items
from penstock.aws.jobs.administration import (
    BUCKET_PARAMETER,
    DEAD_LETTERS_PARAMETER,
    JOBS_TABLE_PARAMETER,
    OWN_QUEUES_PATH,
    QUEUE_PARAMETERS,
)
from penstock.aws.jobs.bus_events import SOURCE
from penstock.aws.jobs.outputs import TAG
from penstock.aws.sweep_handler import LATE_SECONDS
from penstock.aws.tenants import receipts
from penstock.aws.tenants.keys import KEYS_TABLE
from penstock.settings import (
    AwsSettings,
    JobSettings,
    RangeSettings,
    ReplaySettings,
    RotationSettings,
    SocketSettings,
    from_environment,
)

SETTINGS: dict[str, type[BaseSettings]] = {
    "ApiFunction": JobSettings,
    "DownloadFunction": AwsSettings,
    "LargeWorkFunction": JobSettings,
    "MediumWorkFunction": JobSettings,
    "PushFunction": SocketSettings,
    "RangeFunction": RangeSettings,
    "RotateOriginSecretFunction": RotationSettings,
    "SmallWorkFunction": JobSettings,
    "SocketFunction": ReplaySettings,
    "SweepFunction": JobSettings,
}
FUNCTIONS = tuple(SETTINGS)
WORKERS = ("SmallWorkFunction", "MediumWorkFunction", "LargeWorkFunction")
TABLES = {
    "ReceiptsTable": (receipts.RECEIPTS_TABLE, receipts.EXPIRES_ATTRIBUTE),
    "JobsTable": (items.JOBS_TABLE, items.EXPIRES_ATTRIBUTE),
    "SocketsTable": (listener_items.SOCKETS_TABLE, listener_items.EXPIRES_ATTRIBUTE),
}
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
    assert len(groups) == len(FUNCTIONS) + 4
    for group in groups.values():
        assert group["KmsKeyId"]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_is_there(functions: dict[str, Template], name: str) -> None:
    handler = functions[name]["Handler"]
    named = handler["Fn::If"][2] if isinstance(handler, dict) else handler
    module, _, function = named.rpartition(".")
    assert module.startswith("penstock.aws.")
    assert inspect.isfunction(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize(("name", "settings"), SETTINGS.items())
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
    tables = resources(stack, "AWS::DynamoDB::Table")
    (keys,) = resources(stack, "AWS::DynamoDB::GlobalTable").values()
    assert {name: keys.get(name) for name in KEYS_TABLE} == KEYS_TABLE
    assert set(tables) == set(TABLES)
    for table, (definition, expires) in TABLES.items():
        assert {name: tables[table].get(name) for name in definition} == definition
        assert tables[table]["TimeToLiveSpecification"] == {
            "AttributeName": expires,
            "Enabled": True,
        }


def test_tables_are_encrypted_with_our_key_and_can_be_brought_back(stack: Template) -> None:
    tables = resources(stack, "AWS::DynamoDB::Table").values()
    (keys,) = resources(stack, "AWS::DynamoDB::GlobalTable").values()
    here, elsewhere = keys["Replicas"]
    our_key = {"Fn::GetAtt": ["DataKey", "Arn"]}
    for table in (*tables, here):
        assert table["SSESpecification"]["KMSMasterKeyId"] == our_key
    for table in (*tables, here, elsewhere["Fn::If"][1]):
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


# Jobs.


def layers_of(function: Template) -> list[str]:
    """Name a function's layers as the template does, without what the translator adds to names."""
    return [re.sub("[0-9a-f]{10}$", "", layer["Ref"]) for layer in function["Layers"]]


def seconds_of(stack: Template, value: Any) -> dict[str, int]:
    """Give each time-out that a function may have, and what a queue's visibility is then."""
    if isinstance(value, int):
        return {str(value // 6): value}
    name, parameter, _ = value["Fn::FindInMap"]
    choices = stack["Parameters"][parameter["Ref"]]["AllowedValues"]
    return {each: int(stack["Mappings"][name][each]["Seconds"]) for each in choices}


@pytest.mark.parametrize("name", WORKERS)
def test_no_message_comes_again_while_its_batch_is_worked_on(
    stack: Template, functions: dict[str, Template], name: str
) -> None:
    """Six times the time-out, as AWS recommends for queues that Lambda takes messages off."""
    queue = stack["Resources"][name.replace("WorkFunction", "Queue")]["Properties"]
    visible = seconds_of(stack, queue["VisibilityTimeout"])
    assert all(seconds == 6 * int(chosen) for chosen, seconds in visible.items())
    timeout = functions[name]["Timeout"]
    chosen = stack["Parameters"][timeout["Ref"]] if isinstance(timeout, dict) else None
    assert set(visible) == (set(chosen["AllowedValues"]) if chosen else {str(timeout)})


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_takes_messages_off_its_own_queue_and_says_which_come_again(
    stack: Template, functions: dict[str, Template], name: str
) -> None:
    size = name.removesuffix("WorkFunction")
    (source,) = (
        each
        for each in resources(stack, "AWS::Lambda::EventSourceMapping").values()
        if each["FunctionName"] == {"Ref": name}
        and each["EventSourceArn"] == {"Fn::GetAtt": [f"{size}Queue", "Arn"]}
    )
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": f"{size}Concurrency"}}
    assert layers_of(functions[name]) == ["EngineLayer", "WebLayer", "DatabaseLayer"]
    reserved = functions[name]["ReservedConcurrentExecutions"]["Fn::If"]
    assert reserved == [
        f"Has{size}ReservedConcurrency",
        {"Ref": f"{size}ReservedConcurrency"},
        NO_VALUE,
    ]


def test_queues_are_encrypted_and_what_fails_again_and_again_is_kept_longest(
    stack: Template,
) -> None:
    queues = resources(stack, "AWS::SQS::Queue")
    dead = queues.pop("DeadLetters")
    assert set(queues) == {"SmallQueue", "MediumQueue", "LargeQueue", "OwnQueue"}
    for queue in (*queues.values(), dead):
        assert queue["KmsMasterKeyId"] == {"Ref": "DataKey"}
    for queue in queues.values():
        # A message's age counts from when it was first sent, also among dead letters.
        assert queue["MessageRetentionPeriod"] < dead["MessageRetentionPeriod"] == 14 * 86_400
        assert queue["RedrivePolicy"] == {
            "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
            "maxReceiveCount": 5,
        }
        named = queue["QueueName"]["Fn::Sub"]
        allowed = dead["RedriveAllowPolicy"]["sourceQueueArns"]
        assert any(each["Fn::Sub"].endswith(f":{named}") for each in allowed)


def test_a_tenant_may_have_a_queue_of_its_own_for_jobs_of_all_sizes(
    stack: Template, functions: dict[str, Template]
) -> None:
    """The function for large jobs works on it, with places of its own."""
    assert stack["Parameters"]["OwnQueueTenant"]["Default"] == ""
    assert stack["Conditions"]["HasOwnQueue"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "OwnQueueTenant"}, ""]}]
    }
    for name in ("OwnQueue", "OwnQueueMessages", "OwnQueueParameter"):
        assert stack["Resources"][name]["Condition"] == "HasOwnQueue"
    source = stack["Resources"]["OwnQueueMessages"]["Properties"]
    assert source["EventSourceArn"] == {"Fn::GetAtt": ["OwnQueue", "Arn"]}
    assert source["FunctionName"] == {"Ref": "LargeWorkFunction"}
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "OwnQueueConcurrency"}}
    visible = stack["Resources"]["OwnQueue"]["Properties"]["VisibilityTimeout"]
    assert visible == 6 * functions["LargeWorkFunction"]["Timeout"]


def test_whoever_dispatches_jobs_knows_a_tenants_own_queue(
    stack: Template, functions: dict[str, Template]
) -> None:
    dispatching = [name for name, settings in SETTINGS.items() if settings is JobSettings]
    for name in dispatching:
        condition, given, otherwise = functions[name]["Environment"]["Variables"][
            "PENSTOCK_OWN_QUEUES"
        ]["Fn::If"]
        assert (condition, otherwise) == ("HasOwnQueue", NO_VALUE)
        text = given["Fn::Sub"].replace("${OwnQueueTenant}", "river")
        text = text.replace("${OwnQueue}", "https://sqs.example/own")
        variables = dict.fromkeys(
            (name for name, needed in variables_of(JobSettings).items() if needed), "x"
        )
        read = settings_read({**variables, "PENSTOCK_OWN_QUEUES": text})
        assert read.own_queues == {"river": "https://sqs.example/own"}
    own = [
        statement
        for _, statement in allowed(stack)
        if {"Fn::If": ["HasOwnQueue", {"Fn::GetAtt": ["OwnQueue", "Arn"]}, NO_VALUE]}
        in listed(statement.get("Resource"))
    ]
    sending = [each for each in own if each["Action"] == "sqs:SendMessage"]
    assert len(sending) == len(own) - 1 == 3, "the API, the workers' policy, and the sweep"
    named = stack["Resources"]["OwnQueueParameter"]["Properties"]
    place = named["Name"]["Fn::Sub"].removeprefix("/penstock/${Environment}/")
    assert place == f"{OWN_QUEUES_PATH}/${{OwnQueueTenant}}"
    assert named["Value"] == {"Ref": "OwnQueue"}


def settings_read(variables: dict[str, str]) -> JobSettings:
    """Read settings from these variables alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        return from_environment(JobSettings)


def test_a_sweep_is_told_what_the_schedules_clock_says(stack: Template) -> None:
    (schedule,) = resources(stack, "AWS::Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert json.loads(schedule["Target"]["Input"]) == {
        "scheduled": "<aws.scheduler.scheduled-time>"
    }
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": ["SweepFunction", "Arn"]}


def test_a_sweep_begins_no_later_than_it_takes_itself_to(stack: Template) -> None:
    (schedule,) = resources(stack, "AWS::Scheduler::Schedule").values()
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 0
    (handed_on,) = (
        each
        for each in resources(stack, "AWS::Lambda::EventInvokeConfig").values()
        if each["FunctionName"] == {"Ref": "SweepFunction"}
    )
    assert handed_on["MaximumRetryAttempts"] == 0
    precise_to, starts_within = 60, 10  # of the schedule, and of an environment
    assert handed_on["MaximumEventAgeInSeconds"] + precise_to + starts_within <= LATE_SECONDS


def test_rules_of_jobs_are_parameters_with_their_settings_values(
    stack: Template, functions: dict[str, Template]
) -> None:
    told = {
        "job_attempts": ("JobAttempts", (*WORKERS, "SweepFunction")),
        "job_files_days": ("JobFilesDays", WORKERS),
        "job_rows_days": ("JobRowsDays", ("SweepFunction",)),
    }
    for setting, (parameter, heeding) in told.items():
        default = JobSettings.model_fields[setting].default
        assert float(stack["Parameters"][parameter]["Default"]) == default
        variable = f"PENSTOCK_{setting.upper()}"
        knowing = {
            name
            for name, function in functions.items()
            if function["Environment"]["Variables"].get(variable) == {"Ref": parameter}
        }
        assert knowing == set(heeding)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("DownloadFunction", "ReservedConcurrency"),
        ("ApiFunction", "ApiReservedConcurrency"),
        ("SmallWorkFunction", "SmallReservedConcurrency"),
        ("MediumWorkFunction", "MediumReservedConcurrency"),
        ("LargeWorkFunction", "LargeReservedConcurrency"),
        ("RangeFunction", "RangeReservedConcurrency"),
    ],
)
def test_places_are_reserved_where_that_is_asked_for(
    stack: Template, functions: dict[str, Template], name: str, parameter: str
) -> None:
    condition, reserved, otherwise = functions[name]["ReservedConcurrentExecutions"]["Fn::If"]
    assert (reserved, otherwise) == ({"Ref": parameter}, NO_VALUE)
    none = {"Fn::Equals": [{"Ref": parameter}, 0]}
    assert stack["Conditions"][condition] == {"Fn::Not": [none]}
    assert stack["Parameters"][parameter]["Default"] == 0


def test_sockets_lead_to_their_function(stack: Template) -> None:
    routes = resources(stack, "AWS::ApiGatewayV2::Route").values()
    of_sockets = {each["RouteKey"] for each in routes if each["ApiId"] == {"Ref": "SocketApi"}}
    assert of_sockets == {"$connect", "$disconnect", "$default"}
    stage = stack["Resources"]["SocketStage"]["Properties"]
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert not any("querystring" in each.lower() for each in logged.values())


def test_events_of_jobs_are_pushed(stack: Template) -> None:
    (rule,) = resources(stack, "AWS::Events::Rule").values()
    assert rule["EventPattern"] == {"source": [SOURCE]}
    assert [each["Arn"] for each in rule["Targets"]] == [{"Fn::GetAtt": ["PushFunction", "Arn"]}]


def test_results_end_a_while_after_a_sweeper_should_have_removed_them(stack: Template) -> None:
    (rule,) = (
        each
        for each in stack["Resources"]["StoreBucket"]["Properties"]["LifecycleConfiguration"][
            "Rules"
        ]
        if "TagFilters" in each
    )
    assert rule["TagFilters"] == [{"Key": TAG, "Value": "exports"}]
    name, chosen, days = rule["ExpirationInDays"]["Fn::FindInMap"]
    choices = stack["Parameters"][chosen["Ref"]]["AllowedValues"]
    expire = {choice: int(stack["Mappings"][name][choice][days]) for choice in choices}
    assert set(expire) == set(stack["Mappings"][name])
    for kept, expires in expire.items():
        assert int(kept) < expires <= int(kept) + 3


def test_commands_find_the_parts_of_jobs(stack: Template) -> None:
    named = {
        parameter["Name"]["Fn::Sub"].removeprefix("/penstock/${Environment}/")
        for parameter in resources(stack, "AWS::SSM::Parameter").values()
    }
    wanted = {JOBS_TABLE_PARAMETER, BUCKET_PARAMETER, DEAD_LETTERS_PARAMETER}
    assert wanted | set(QUEUE_PARAMETERS.values()) <= named


def test_functions_that_read_no_data_have_no_engine(functions: dict[str, Template]) -> None:
    for name in ("PushFunction", "SocketFunction", "SweepFunction"):
        assert layers_of(functions[name]) == ["WebLayer"]


def test_a_redis_is_named_to_who_tells_and_who_hears_and_never_by_its_url(
    functions: dict[str, Template],
) -> None:
    named = {
        name: function["Environment"]["Variables"].get("PENSTOCK_REDIS_PARAMETER")
        for name, function in functions.items()
    }
    where_named = {"Fn::If": ["HasRedis", {"Ref": "RedisUrlParameter"}, NO_VALUE]}
    using = {name for name, given in named.items() if given is not None}
    assert using == {"ApiFunction", *WORKERS}
    assert all(named[name] == where_named for name in using)
    for function in functions.values():
        assert "PENSTOCK_REDIS_URL" not in function["Environment"]["Variables"]


def test_the_api_stands_where_workers_do_if_there_is_a_redis(
    stack: Template, functions: dict[str, Template]
) -> None:
    condition, here, otherwise = functions["ApiFunction"]["VpcConfig"]["Fn::If"]
    assert (condition, otherwise) == ("PutsApiIntoSubnets", NO_VALUE)
    both = [{"Condition": "HasRedis"}, {"Condition": "HasSubnets"}]
    assert stack["Conditions"]["PutsApiIntoSubnets"] == {"Fn::And": both}
    for worker in WORKERS:
        assert functions[worker]["VpcConfig"]["Fn::If"] == ["HasSubnets", here, NO_VALUE]
    assert "VpcConfig" not in functions["DownloadFunction"]
