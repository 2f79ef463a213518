"""Least privilege, looked at where CloudFormation would: in the expanded templates."""

import json
import re

import pytest
from tests.template.policies import actions_of, allowed
from tests.template.templates import TEMPLATES, Template, expanded, listed, resources, texts

# Where `Resource: "*"` stands, and why nothing narrower does; a key's own policy aside.
ANY_RESOURCE = {
    **{
        (name, "Trace"): "X-Ray has no resource that a trace could be written to"
        for name in (
            "AnsweringPolicy",
            "PushRole",
            "RangeRole",
            "RangesRole",
            "RotationRole",
            "SocketRole",
            "SweepRole",
            "WorkingPolicy",
        )
    },
    **{
        (name, "PlugIntoSubnets"): "a network interface has no name before it is made"
        for name in ("ApiRole", "RangeRole", "WorkingPolicy")
    },
    ("RangesRole", "LogExecutions"): "the delivery of logs has no resource (Step Functions' guide)",
    ("GatewayLogsRole", "LogForTheWholeAccount"): "all APIs of a Region log by the one role of it",
    ("RotationRole", "ThinkOfAPassword"): "a random password belongs to no secret yet",
    ("RolloutRole", "LookAtAlarms"): "CloudWatch describes alarms for all of them or none",
}


READS_URL = "ReadTheUrlOfRedis"


@pytest.fixture(scope="module", params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> Template:
    return expanded(request.param)


@pytest.fixture(scope="module")
def stack() -> Template:
    return expanded("template.yaml")


def test_every_action_is_named_without_a_star(template: Template) -> None:
    for name, statement in allowed(template):
        assert "NotAction" not in statement, name
        for action in listed(statement["Action"]):
            assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action), (name, action)


def test_any_resource_is_allowed_only_where_a_reason_is_listed(template: Template) -> None:
    keys = resources(template, "AWS::KMS::Key")
    for name, statement in allowed(template):
        if "Resource" not in statement or name in keys:  # trust, and a key's "*", which is itself
            continue
        assert "NotResource" not in statement, name
        if "*" in listed(statement["Resource"]):
            assert ANY_RESOURCE.get((name, statement.get("Sid", ""))), (name, statement)


def test_every_listed_reason_is_still_needed(stack: Template) -> None:
    found = {
        (name, statement.get("Sid", ""))
        for name, statement in allowed(stack)
        if statement.get("Resource") == "*"
    }
    assert set(ANY_RESOURCE) <= found


def test_nobody_is_everybody(template: Template) -> None:
    for name, statement in allowed(template):
        principals = json.dumps(statement.get("Principal", {}))
        assert '"*"' not in principals, name


def test_a_service_is_let_in_only_on_behalf_of_this_account(template: Template) -> None:
    trusted = ("codedeploy.amazonaws.com", "lambda.amazonaws.com")
    for name, statement in allowed(template):
        service = statement.get("Principal", {}).get("Service")
        if service in (None, *trusted):  # their roles can be passed by this account alone
            continue
        assert "Condition" in statement, (name, service)


def test_no_policy_of_somebody_else_is_attached(template: Template) -> None:
    for name, role in resources(template, "AWS::IAM::Role").items():
        attached = role.get("ManagedPolicyArns", [])
        assert all(isinstance(each, dict) and "Ref" in each for each in attached), name


def test_a_function_that_answers_may_do_this_and_nothing_else(stack: Template) -> None:
    assert actions_of(stack, "AnsweringPolicy", "DownloadRole") == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "kms:Decrypt",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "ssm:GetParameter",
        "ssm:GetParametersByPath",
        "ssm:PutParameter",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_keys_open_what_the_stacks_key_closes_and_nothing_else(stack: Template) -> None:
    (statement,) = (
        each
        for name, each in allowed(stack)
        if name == "AnsweringPolicy" and "kms:Decrypt" in listed(each["Action"])
    )
    through = [each["Fn::Sub"] for each in statement["Condition"]["StringEquals"]["kms:ViaService"]]
    # Signing keys are encrypted with the key that AWS keeps for Parameter Store.
    assert [each.partition(".")[0] for each in through] == ["dynamodb", "s3"]
    described = stack["Resources"]["DataKey"]["Properties"]["Description"]["Fn::Sub"]
    assert "signing" not in described


def test_workers_alone_read_connection_strings(stack: Template) -> None:
    """These are encrypted with the stack's key; what else is secret there, with the service's."""
    decrypting = {
        name: statement["Condition"]
        for name, statement in allowed(stack)
        if "Principal" not in statement
        and "kms:Decrypt" in listed(statement["Action"])
        and any("ssm." in each for each in texts(statement["Condition"]))
        and statement.get("Sid") != READS_URL
    }
    assert set(decrypting) == {"RangeRole", "WorkingPolicy"}
    for condition in decrypting.values():
        context = condition["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"]
        (place,) = texts(context["Fn::Sub"])
        assert place.endswith("/tenants/*/postgres")


def test_the_url_of_a_redis_is_read_where_one_is_named_by_who_tells_and_who_hears(
    stack: Template,
) -> None:
    reading = {
        name: statement for name, statement in allowed(stack) if statement.get("Sid") == READS_URL
    }
    assert set(reading) == {"ApiRole", "WorkingPolicy"}
    for name, statement in reading.items():
        assert statement["Action"] == "kms:Decrypt"
        context = statement["Condition"]["StringEquals"]["kms:EncryptionContext:PARAMETER_ARN"]
        (place,) = texts(context["Fn::Sub"])
        assert place.endswith(":parameter/penstock/${Environment}/${RedisUrlParameter}")
        held = json.dumps(stack["Resources"][name]["Properties"])
        assert held.count(READS_URL) == held.count(
            f'{{"Fn::If": ["HasRedis", {{"Sid": "{READS_URL}"'
        )
    assert stack["Parameters"]["RedisUrlParameter"]["Default"] == ""


def test_who_rotates_the_secret_may_read_the_web_acl_that_the_distribution_has(
    stack: Template,
) -> None:
    """CloudFront looks whether a caller may, at any change of a distribution that has one."""
    seeing = stack["Resources"]["RotationSeesTheFirewall"]
    assert seeing["Condition"] == "IsBehindFirewall"
    either = [{"Condition": "MakesFirewall"}, {"Condition": "HasFirewall"}]
    assert stack["Conditions"]["IsBehindFirewall"] == {"Fn::Or": either}
    (statement,) = seeing["Properties"]["PolicyDocument"]["Statement"]
    assert listed(statement["Action"]) == ["wafv2:GetWebACL"]
    attached = stack["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["WebACLId"]
    condition, made, named = attached["Fn::If"]
    assert statement["Resource"] == {"Fn::If": [condition, made, named["Fn::If"][1]]}
    assert seeing["Properties"]["RoleName"] == {"Ref": "RotationRole"}


def test_parameters_are_those_of_the_stage_and_only_signing_keys_are_written(
    stack: Template,
) -> None:
    for _, statement in allowed(stack):
        for action in listed(statement["Action"]):
            if action.startswith("ssm:"):
                (place,) = texts(statement["Resource"]["Fn::Sub"])
                assert ":parameter/penstock/${Environment}/" in place
                if action == "ssm:PutParameter":
                    assert place.endswith("/tenants/*/signing-keys/*")


def test_secrets_and_keys_are_used_only_through_the_services_that_hold_them(
    stack: Template,
) -> None:
    for name, statement in allowed(stack):
        used = [action for action in listed(statement["Action"]) if action.startswith("kms:")]
        to_replica = name == "ReplicationPolicy" and "kms:GenerateDataKey" in used
        if used and "Principal" not in statement and not to_replica:
            assert "kms:ViaService" in statement["Condition"]["StringEquals"], name


def test_buckets_are_private_versioned_encrypted_and_tidied(stack: Template) -> None:
    buckets = resources(stack, "AWS::S3::Bucket")
    assert set(buckets) == {"StoreBucket", "LogsBucket"}
    for bucket in buckets.values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["BucketEncryption"]
        rules = bucket["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
        assert any("NoncurrentVersionExpiration" in rule for rule in rules)
    (encryption,) = buckets["StoreBucket"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert buckets["StoreBucket"]["LoggingConfiguration"]


def test_buckets_refuse_what_does_not_come_over_tls(stack: Template) -> None:
    for policy in resources(stack, "AWS::S3::BucketPolicy").values():
        refusing = [
            statement
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
            and statement["Condition"].get("Bool") == {"aws:SecureTransport": "false"}
        ]
        assert [statement["Principal"] for statement in refusing] == ["*"]


def test_what_holds_data_outlives_the_stack(stack: Template) -> None:
    for name in (
        "StoreBucket",
        "LogsBucket",
        "JobsTable",
        "KeysTable",
        "DataKey",
        "OperationsKey",
    ):
        resource = stack["Resources"][name]
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain", name
