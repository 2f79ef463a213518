"""The stack of tests/aws: deployed with these commands, filled, and removed with all it leaves."""

import json
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.aws import deployment, removal
from tests.aws.account import EDGE_REGION
from tests.aws.cloudwatch import LogGroup
from tests.aws.conftest import VARIABLE
from tests.aws.findings import CheckFailedError
from tests.aws.naming import TAG, TENANT, Names, names_of, new_names
from tests.aws.removal import Part
from tests.aws.shelves import BucketShelf, fill
from tests.aws.tables import numbers_table
from tests.aws_tables import fresh_name, make_keys_table
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY, StandIn
from tests.template.templates import Template, expanded, tool

HOST = "d111111abcdef8.cloudfront.net"
KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
BUCKET = {**KEPT, "Type": "AWS::S3::Bucket"}


@dataclass(frozen=True, slots=True)
class StandInAccount:
    """An account in moto, whose Regions are one."""

    server: StandIn
    region: str = REGION

    def client(self, service: str, *, region: str | None = None) -> Any:
        client: Any = self.server.client(service)
        assert region in (None, self.region, EDGE_REGION)
        return client


@pytest.fixture
def account(aws_server: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandInAccount:
    """The account, also for the commands that are run."""
    # Moto takes the bucket of a template's URL from its path if the host has this name.
    endpoint = aws_server.endpoint.replace("127.0.0.1", "localhost")
    for name, value in (
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("SAM_CLI_POLL_DELAY", "1"),
    ):
        monkeypatch.setenv(name, value)
    return StandInAccount(aws_server)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template with what outlives its stack, which moto can deploy as well."""
    attribute = {"AttributeName": "place", "AttributeType": "S"}
    key = {"AttributeName": "place", "KeyType": "HASH"}
    # Moto can read a policy that is text alone.
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    described = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {
            name: {"Type": "String"}
            for name in (*deployment.PARAMETERS, "Environment", "FirewallArn")
        },
        "Resources": {
            "Store": BUCKET,
            "Logs": BUCKET,
            "Key": {**KEPT, "Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}},
            "Table": {
                **KEPT,
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [attribute],
                    "KeySchema": [key],
                },
            },
            "Group": {
                **KEPT,
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": {"Fn::Sub": "/penstock/${AWS::StackName}/a"}},
            },
        },
    }
    path = tmp_path / "template.yaml"
    path.write_text(json.dumps(described))
    return path


def silent(_text: str) -> None:
    """Say nothing."""


def remove(account: StandInAccount, names: Names) -> None:
    removal.remove(account, names, say=silent, look_seconds=0)


def test_a_stack_is_deployed_filled_and_removed_without_a_trace(
    account: StandInAccount, template: Path, tmp_path: Path
) -> None:
    names, other = new_names(), new_names()
    sam = str(tool("sam", "sam"))
    before = everything(account)
    deployment.add_tenant(other, host=HOST, region=REGION)
    kept = everything(account)
    assert kept != before
    deployment.deploy(account, names, sam=sam, folder=tmp_path / "sam", template=template)
    described = account.client("cloudformation").describe_stacks(StackName=names.stack)["Stacks"][0]
    assert {each["Key"]: each["Value"] for each in described["Tags"]} == {TAG: names.stack}
    given = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}
    (web_acl,) = (each for each in web_acls(account) if each["Name"] == names.stack)
    assert given == {
        **deployment.PARAMETERS,
        "Environment": names.environment,
        "FirewallArn": web_acl["ARN"],
    }
    s3 = account.client("s3")
    (bucket,) = (name for name in buckets(account) if name.startswith(f"{names.stack}-store"))
    # Moto leaves out what the template says of it.
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    shelf = BucketShelf(s3=s3, bucket=bucket, tenant=TENANT)
    stored = fill(shelf, numbers=numbers_table())
    shelf.put("numbers", stored)
    shelf.take_away("vault")
    listed = s3.list_object_versions(Bucket=bucket)
    assert len(listed["Versions"]) == 4
    assert len(listed["DeleteMarkers"]) == 1
    deployment.add_tenant(names, host=HOST, region=REGION)
    assert account.client("ssm").get_parameters_by_path(
        Path=f"/penstock/{names.environment}", Recursive=True
    )["Parameters"]

    remove(account, names)
    assert everything(account) == kept
    # A run that was killed in the middle is removed by hand, perhaps twice.
    remove(account, names)
    remove(account, other)
    assert everything(account) == before


def test_a_key_of_the_tenant_is_made_as_whoever_administers_a_stack_does(
    account: StandInAccount,
) -> None:
    names = new_names()
    table = fresh_name("keys")
    make_keys_table(account.client("dynamodb"), name=table)
    deployment.add_tenant(names, host=HOST, region=REGION)
    parameter = f"/penstock/{names.environment}/tables/keys"
    account.client("ssm").put_parameter(Name=parameter, Value=table, Type="String")
    assert deployment.add_key(names, region=REGION).startswith("pk_")
    remove(account, names)


def test_what_is_left_is_named(account: StandInAccount) -> None:
    names = new_names()
    bucket = f"{names.stack}-forgotten"
    s3 = account.client("s3")
    place = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": TAG, "Value": names.stack}]})
    with pytest.raises(CheckFailedError, match=f"This is left: arn:aws:s3:::{bucket}"):
        remove(account, names)
    removal.remove_bucket(s3, bucket)
    remove(account, names)


def test_a_key_that_waits_for_its_deletion_is_not_left(account: StandInAccount) -> None:
    names = new_names()
    kms = account.client("kms")
    tags = [{"TagKey": TAG, "TagValue": names.stack}]
    key = kms.create_key(Tags=tags)["KeyMetadata"]
    assert removal.left_over(account, names) == [key["Arn"]]
    removal.REMOVERS["AWS::KMS::Key"](account, key["KeyId"])
    removal.REMOVERS["AWS::KMS::Key"](account, key["KeyId"])
    remove(account, names)


def test_parts_of_a_stack_within_a_stack_are_removed(account: StandInAccount) -> None:
    names = new_names()
    deployment.make_artifacts_bucket(account, names)
    inner = json.dumps({"Resources": {"Inner": BUCKET}})
    s3 = account.client("s3")
    s3.put_object(Bucket=names.artifacts, Key="inner", Body=inner.encode())
    url = f"http://localhost/{names.artifacts}/inner"
    within = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(
        StackName=names.stack, TemplateBody=json.dumps({"Resources": {"Within": within}})
    )
    parts = removal.parts_of(cloudformation, names.stack)
    (bucket,) = (part.id for part in parts if part.kind == "AWS::S3::Bucket")
    s3.put_object(Bucket=bucket, Key="late", Body=b"log")
    remove(account, names)
    assert bucket not in buckets(account)


def test_a_step_that_fails_keeps_no_other_from_being_taken(account: StandInAccount) -> None:
    names = new_names()
    deployment.make_artifacts_bucket(account, names)

    class Stubborn(StandInAccount):
        """An account whose CloudFormation is down."""

        def client(self, service: str, *, region: str | None = None) -> Any:
            found = super().client(service, region=region)
            return Down() if service == "cloudformation" else found

    with pytest.raises(CheckFailedError, match=r"listing the stack's resources: .*is down"):
        remove(Stubborn(account.server), names)
    assert names.artifacts not in buckets(account)


class Down:
    """A service that answers nothing."""

    def __getattr__(self, name: str) -> Any:
        raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "is down"}}, name)


@pytest.mark.parametrize(
    "stack", ["penstock-prod", "penstock-test-", "penstock-test-1234567", "xpenstock-test-12345678"]
)
def test_nothing_but_a_stack_of_these_tests_is_removed(stack: str) -> None:
    with pytest.raises(CheckFailedError, match="no stack of these tests"):
        removal.main([stack])


def test_a_stacks_name_tells_all_its_names() -> None:
    names = new_names()
    assert names_of(names.stack) == names
    assert len(names.environment) <= 16


def test_a_log_is_read_by_a_phrase(account: StandInAccount) -> None:
    logs = account.client("logs")
    group = fresh_name("/penstock/group")
    found = LogGroup(logs=logs, name=group)
    assert found.lines("x") == []
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="one")
    messages = ["REPORT RequestId: a-b\tInit Duration: 1 ms", 'said "a-b"', "other"]
    events = [{"timestamp": int(time.time() * 1000), "message": each} for each in messages]
    logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
    assert found.lines("Init Duration") == messages[:1]
    logs.delete_log_group(logGroupName=group)


def test_a_command_that_fails_says_so() -> None:
    complaint = "import sys; sys.exit('it went wrong')"
    with pytest.raises(CheckFailedError, match="it went wrong"):
        deployment.run([sys.executable, "-c", complaint], region=REGION, seconds=60)
    asleep = "import sys; sys.stdin.read(); import threading; threading.Event().wait()"
    with pytest.raises(CheckFailedError, match="took longer"):
        deployment.run([sys.executable, "-c", asleep], region=REGION, seconds=0.5)


OUTPUTS = {
    "DomainName": HOST,
    "FunctionUrlHost": "abc.lambda-url.eu-west-2.on.aws",
    "DatasetBucket": "store",
    "DistributionId": "E1EXAMPLE",
}
GATEWAY = Part(name="Api", kind="AWS::ApiGatewayV2::Api", id="a1b2c3", status="CREATE_COMPLETE")
SECRET = Part(
    name="OriginSecret",
    kind="AWS::SecretsManager::Secret",
    id="arn:secret",
    status="CREATE_COMPLETE",
)


def test_a_stack_is_read_from_its_outputs_and_parts() -> None:
    names = new_names()
    stack = deployment.stack_from(OUTPUTS, [GATEWAY, SECRET], names=names, region=REGION)
    assert (stack.distribution, stack.origin_secret) == ("E1EXAMPLE", "arn:secret")
    assert stack.bucket_origin == "https://store.s3.eu-west-2.amazonaws.com"
    assert stack.gateway_host == "a1b2c3.execute-api.eu-west-2.amazonaws.com"
    assert stack.download_logs == f"/penstock/{names.stack}/download"
    with pytest.raises(CheckFailedError, match="lacks a part: 'DomainName'"):
        deployment.stack_from({}, [GATEWAY, SECRET], names=names, region=REGION)
    with pytest.raises(CheckFailedError, match="lacks a part"):
        deployment.stack_from(OUTPUTS, [GATEWAY], names=names, region=REGION)
    with pytest.raises(CheckFailedError, match="lacks a part"):
        deployment.stack_from(OUTPUTS, [SECRET], names=names, region=REGION)


@pytest.fixture(scope="module")
def real() -> Template:
    return expanded("template.yaml")


def test_the_real_template_gives_what_is_read_of_it(real: Template) -> None:
    assert OUTPUTS.keys() <= real["Outputs"].keys()
    assert real["Resources"]["Api"]["Type"] == GATEWAY.kind
    assert real["Resources"]["OriginSecret"]["Type"] == SECRET.kind
    group = real["Resources"]["DownloadLogs"]["Properties"]["LogGroupName"]
    assert group == {"Fn::Sub": "/penstock/${AWS::StackName}/download"}


def test_the_real_template_takes_what_it_is_given(real: Template) -> None:
    for name, value in deployment.PARAMETERS.items():
        allowed = real["Parameters"][name].get("AllowedValues")
        assert allowed is None or value in map(str, allowed)
    assert {"Environment", "FirewallArn"} <= real["Parameters"].keys()


def test_whatever_outlives_the_real_stack_can_be_removed(real: Template) -> None:
    kept = {
        each["Type"]
        for each in real["Resources"].values()
        if each.get("DeletionPolicy") not in (None, "Delete")
    }
    assert kept
    assert kept <= removal.REMOVERS.keys()


def test_account_tests_run_for_those_alone_who_ask_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = tomllib.loads((deployment.ROOT / "pyproject.toml").read_text())
    assert "not account" in told["tool"]["pytest"]["ini_options"]["addopts"]
    # The marker alone isn't enough: it is easily typed.
    monkeypatch.delenv(VARIABLE, raising=False)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x"]
    done = subprocess.run(
        [*command, "-m", "account", "tests/aws"],
        cwd=deployment.ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert f"set {VARIABLE}=1" in done.stdout
    assert done.returncode == 1


def everything(account: StandInAccount) -> set[str]:
    """All that a run could leave in an account, keys without those that wait for deletion."""
    kms = account.client("kms")
    keys = [each["KeyId"] for each in kms.list_keys()["Keys"]]
    live = {
        key
        for key in keys
        if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion"
    }
    ssm = account.client("ssm").get_paginator("describe_parameters").paginate()
    parameters = {each["Name"] for page in ssm for each in page["Parameters"]}
    tables = set(account.client("dynamodb").list_tables()["TableNames"])
    groups = account.client("logs").describe_log_groups()["logGroups"]
    stacks = account.client("cloudformation").describe_stacks()["Stacks"]
    return (
        {key for key in live if not is_awss_own(kms, key)}
        | parameters
        | tables
        | {each["logGroupName"] for each in groups}
        | {each["StackName"] for each in stacks}
        | {each["ARN"] for each in web_acls(account)}
        | buckets(account)
    )


def is_awss_own(kms: Any, key: str) -> bool:
    """Whether AWS made a key by itself, as it does for SecureStrings."""
    return bool(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyManager"] == "AWS")


def web_acls(account: StandInAccount) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = account.client("wafv2").list_web_acls(Scope="CLOUDFRONT")[
        "WebACLs"
    ]
    return listed


def buckets(account: StandInAccount) -> set[str]:
    return {each["Name"] for each in account.client("s3").list_buckets()["Buckets"]}
