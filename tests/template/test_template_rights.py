"""Rights are what the code asks AWS for: each right has a call, and each call has a right."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from tests.template.policies import actions_of
from tests.template.templates import ROOT, Template, expanded

AWS = ROOT / "src" / "penstock" / "aws"
SERVICES = (
    "apigatewaymanagementapi",
    "cloudfront",
    "dynamodb",
    "events",
    "s3",
    "secretsmanager",
    "sqs",
    "ssm",
    "stepfunctions",
)
PRESIGNING = "generate_presigned_url"

OTHER_NAMES = {
    "apigatewaymanagementapi:DeleteConnection": "execute-api:ManageConnections",
    "apigatewaymanagementapi:PostToConnection": "execute-api:ManageConnections",
    "dynamodb:TransactWriteItems": "dynamodb:PutItem",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:UploadPart": "s3:PutObject",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "stepfunctions:DescribeExecution": "states:DescribeExecution",
    "stepfunctions:StartExecution": "states:StartExecution",
    "stepfunctions:StopExecution": "states:StopExecution",
}
"""Operations whose right is called otherwise (Service Authorization Reference). A transaction needs
the rights to what is in it: all of those are asked for by themselves, too."""

NOT_MEANT = {"events:CreateConnection", "events:DeleteConnection"}
"""Operations that nobody asks for, with names of others: a socket's, and those of sockets' API."""

COMMANDS = {
    "DynamoKeys._added": "penstock keys add",
    "DynamoKeys.list": "penstock keys list",
    "DynamoKeys.revoke": "penstock keys revoke",
    "Parameters.delete": "penstock tenants remove",
    "Parameters.put": "penstock tenants add",
    "SqsDeadLetters._give_back": "penstock dead-letters",
    "SqsDeadLetters._received": "penstock dead-letters",
    "SqsDeadLetters.take": "penstock dead-letters",
}
"""Whose calls have the rights of who runs a command: no function makes them."""

_LOGGING = "the managed runtime and Lambda log in the function's name"
_TRACING = "Lambda writes traces in the function's name"
_DECRYPTING = "the services decrypt in the name of who asks them"

FUNCTIONS = {
    "DownloadFunction": ("DownloadRole", "AnsweringPolicy"),
    "ApiFunction": ("ApiRole", "AnsweringPolicy"),
    "LargeWorkFunction": ("LargeWorkRole", "WorkingPolicy"),
    "MediumWorkFunction": ("MediumWorkRole", "WorkingPolicy"),
    "PushFunction": ("PushRole",),
    "RangeFunction": ("RangeRole",),
    "RotateOriginSecretFunction": ("RotationRole", "RotationSeesTheFirewall"),
    "SmallWorkFunction": ("SmallWorkRole", "WorkingPolicy"),
    "SocketFunction": ("SocketRole",),
    "SweepFunction": ("SweepRole",),
}
"""Where the rights of each function stand."""

_WORKING = "work_handlers"
MODULES = {
    "DownloadFunction": "handlers",
    "ApiFunction": "gateway",
    "LargeWorkFunction": _WORKING,
    "MediumWorkFunction": _WORKING,
    "PushFunction": "push_handler",
    "RangeFunction": "range_handler",
    "SmallWorkFunction": _WORKING,
    "SocketFunction": "socket_handlers",
    "SweepFunction": "sweep_handler",
}
"""Where the handler of each function stands, but for the rotation's, which is beside another."""

_SIGNING = "a slice that begins at a cursor has a signing key already"
_UNSPLIT = dict.fromkeys(
    ("states:DescribeExecution", "states:StartExecution", "states:StopExecution"),
    "tables of large exports alone are read in ranges",
)
_RESULTS = "workers alone write results"
_STORE = "what it imports of the store's adapters is how an answer is read"
_RECORDS = "sockets are put, found and deleted; what else a table can do is for jobs"
_SECRETS = "it looks after jobs of all tenants, and reads nothing of any"
NEVER_CALLED: dict[str, dict[str, str]] = {
    "ApiFunction": {"s3:PutObject": _RESULTS},
    "LargeWorkFunction": {"ssm:PutParameter": _SIGNING},
    **{
        name: {"ssm:PutParameter": _SIGNING, **_UNSPLIT}
        for name in ("SmallWorkFunction", "MediumWorkFunction")
    },
    "RangeFunction": {
        **dict.fromkeys(
            (
                "dynamodb:BatchGetItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:DeleteItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ),
            "it looks at its job's row, and changes nothing there",
        ),
        **dict.fromkeys(
            ("ssm:GetParametersByPath", "ssm:PutParameter"), "it looks up one tenant's database"
        ),
    },
    "PushFunction": {
        "events:PutEvents": "events come from the bus",
        "dynamodb:BatchGetItem": _RECORDS,
        "dynamodb:DeleteItem": _RECORDS,
        "dynamodb:GetItem": _RECORDS,
        "dynamodb:PutItem": _RECORDS,
        "dynamodb:UpdateItem": _RECORDS,
        "s3:GetObject": _STORE,
        "s3:ListBucket": _STORE,
    },
    "SocketFunction": {
        "dynamodb:BatchGetItem": _RECORDS,
        "dynamodb:UpdateItem": _RECORDS,
        "s3:GetObject": _STORE,
        "s3:ListBucket": _STORE,
    },
    "SweepFunction": {
        "s3:GetObject": _RESULTS,
        "s3:PutObject": _RESULTS,
        "ssm:GetParameter": _SECRETS,
        "ssm:GetParametersByPath": _SECRETS,
        "ssm:PutParameter": _SECRETS,
    },
}
"""What a function's modules could ask for, and why it never comes to that."""

NOT_CALLED = {
    "logs:CreateLogStream": _LOGGING,
    "logs:PutLogEvents": _LOGGING,
    "xray:PutTelemetryRecords": _TRACING,
    "xray:PutTraceSegments": _TRACING,
    "kms:Decrypt": _DECRYPTING,
}
NOT_CALLED_BY_ANSWERS = {
    **NOT_CALLED,
    "s3:GetObjectVersion": "S3 wants it of who signs a URL of one version of an object",
}
_SENDING = {"kms:GenerateDataKey": "SQS encrypts in the name of who sends"}
_RECEIVING = "Lambda takes messages off the queue in the function's name"
_PLUGGED = dict.fromkeys(
    (
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ),
    "Lambda plugs the function into its subnets in its name",
)
NOT_CALLED_BY_READERS = {
    **NOT_CALLED,
    "kms:GenerateDataKey": "S3 encrypts in the name of who puts an object",
    "s3:PutObjectTagging": "S3 wants it of who puts an object with tags",
    **_PLUGGED,
}
NOT_CALLED_BY_WORK = {
    **NOT_CALLED_BY_READERS,
    **dict.fromkeys(
        ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"), _RECEIVING
    ),
}
NOT_CALLED_BY_ROTATION = {
    **NOT_CALLED,
    "kms:GenerateDataKey": "Secrets Manager encrypts in the name of who gives a value",
    "wafv2:GetWebACL": "CloudFront looks whether who changes a distribution may read its web ACL",
}


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that the code asks for, and where: the module, and `Class.method`."""

    module: str
    place: str
    action: str


@cache
def operations() -> dict[str, str]:
    """Give each operation of the services by the name that botocore's clients have for it."""
    session = botocore.session.get_session()
    found: dict[str, str] = {}
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            name = f"{service}:{operation}"
            if name not in NOT_MEANT:
                found[xform_name(operation)] = OTHER_NAMES.get(name, name)
    return found


def methods(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Give each function of a module, and each method of its classes, with its name."""
    for each in tree.body:
        if isinstance(each, ast.ClassDef):
            for inner in each.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{each.name}.{inner.name}", inner
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each.name, each


def operation_names(node: ast.AST) -> Iterator[str]:
    """Give the names of operations that a piece of code calls, or signs URLs for."""
    for call in ast.walk(node):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        if call.func.attr == PRESIGNING:
            texts = (
                each.value for each in ast.walk(call.args[0]) if isinstance(each, ast.Constant)
            )
            yield from (each for each in texts if isinstance(each, str) and each in operations())
        elif call.func.attr in operations():
            yield call.func.attr


@cache
def calls() -> tuple[Call, ...]:
    return tuple(
        Call(".".join(path.relative_to(AWS).with_suffix("").parts), place, operations()[name])
        for path in sorted(AWS.rglob("*.py"))
        for place, node in methods(ast.parse(path.read_text(encoding="utf-8")))
        for name in operation_names(node)
    )


@cache
def reached_from(module: str) -> frozenset[str]:
    """Give the modules that one of AWS's home imports, whenever it does, and those they import.

    The rotation is a function of its own, whose handler stands beside another one.
    """
    reached, new = set[str](), {module}
    while new:
        name = new.pop()
        reached.add(name)
        tree = ast.parse(source_of(name).read_text(encoding="utf-8"))
        imported = {
            (each.module or "").removeprefix("penstock.aws.")
            for each in ast.walk(tree)
            if isinstance(each, ast.ImportFrom)
        }
        new |= {each for each in imported if source_of(each).exists()} - reached - {"rotation"}
    return frozenset(reached)


def source_of(module: str) -> Path:
    """Give where a module of AWS's home stands, by its dotted name in there."""
    return AWS.joinpath(*module.split(".")).with_suffix(".py")


def called_by(function: str) -> set[str]:
    """Give the rights that a function's code needs."""
    if function == "RotateOriginSecretFunction":
        return {call.action for call in calls() if call.module == "rotation"}
    reached = reached_from(MODULES[function])
    return {
        call.action for call in calls() if call.module in reached and call.place not in COMMANDS
    }


def reasons_of(function: str) -> dict[str, str]:
    """Give the rights that a function has though its code doesn't call for them, and why."""
    match function:
        case "RotateOriginSecretFunction":
            return NOT_CALLED_BY_ROTATION
        case "DownloadFunction":
            return NOT_CALLED_BY_ANSWERS
        case "ApiFunction":
            return NOT_CALLED_BY_ANSWERS | _SENDING | _PLUGGED
        case "SweepFunction":
            return NOT_CALLED | _SENDING
        case "SocketFunction" | "PushFunction":
            return NOT_CALLED
        case "RangeFunction":
            return NOT_CALLED_BY_READERS
        case _:
            return NOT_CALLED_BY_WORK


@pytest.fixture(scope="module")
def stack() -> Template:
    return expanded("template.yaml")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_the_rights_to_what_its_code_calls_and_no_others(
    stack: Template, function: str
) -> None:
    reasons, never = reasons_of(function), set(NEVER_CALLED.get(function, ()))
    assert never <= called_by(function), "its code could not call these anyway"
    called = called_by(function) - never
    assert called.isdisjoint(reasons)
    assert actions_of(stack, *FUNCTIONS[function]) == called | set(reasons)


def test_rights_of_a_function_stand_where_they_are_looked_for(stack: Template) -> None:
    for function, owners in FUNCTIONS.items():
        (role,) = (name for name in owners if name.endswith("Role"))
        assert stack["Resources"][function]["Properties"]["Role"] == {"Fn::GetAtt": [role, "Arn"]}
        attached = stack["Resources"][role]["Properties"].get("ManagedPolicyArns", [])
        assert [{"Ref": name} for name in owners if name.endswith("Policy")] == attached
        beside = {
            name
            for name, resource in stack["Resources"].items()
            if resource["Type"] == "AWS::IAM::RolePolicy"
            and resource["Properties"]["RoleName"] == {"Ref": role}
        }
        assert beside <= set(owners)


def test_whatever_a_client_is_asked_for_is_an_operation() -> None:
    """Else a call of a service that isn't listed here would be overlooked."""
    for path in AWS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                asked = ast.unparse(node.func.value)
                if asked.rpartition(".")[2] in {"_client", "cloudfront"}:
                    name = node.func.attr
                    assert name in operations() or name == PRESIGNING, (path.name, name)


def test_clients_are_made_of_no_other_service() -> None:
    named = set()
    for path in AWS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"clients.of", "client_of"}:
                named |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    assert named
    assert named <= set(SERVICES)


def test_commands_that_are_listed_are_there() -> None:
    assert {call.place for call in calls()} >= set(COMMANDS)


def test_a_call_is_found_wherever_it_stands(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "def looked(client):\n"
        "    with busy():\n"
        "        return [client.get_item(Key=1) for _ in range(2)]\n"
        "class A:\n"
        "    async def link(self, method):\n"
        '        return self.c.generate_presigned_url("get_object" if method else "head_object")\n'
    )
    found = {
        place: [operations()[name] for name in operation_names(node)]
        for place, node in methods(ast.parse(module.read_text()))
    }
    assert found == {"looked": ["dynamodb:GetItem"], "A.link": ["s3:GetObject", "s3:GetObject"]}
