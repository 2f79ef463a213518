"""Removal: a run's stack, and all that a deleted stack leaves behind.

By hand, for a run that was killed: `python -m tests.aws.removal penstock-test-…`.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError, WaiterError
from tests.aws.account import EDGE_REGION, Account, OwnAccount
from tests.aws.findings import CheckFailedError
from tests.aws.naming import TAG, Names, names_of

_NESTED = "AWS::CloudFormation::Stack"
_MOST_AT_ONCE = 1000
"""Objects that S3 deletes in one call."""
_PARAMETERS_AT_ONCE = 10
_WEB_ACLS = 100
"""As many as an account has, and as WAF lists in one answer."""
_KEY_DAYS = 7
"""The least that KMS waits; a key that waits costs nothing."""
_LOOKS = 120
_LOOK_SECONDS = 15
_ATTEMPTS = 5
_DELETE_TWICE = 2
_GONE = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchEntity",
        "NotFoundException",
        "ParameterNotFound",
        "ResourceNotFoundException",
        "TableNotFoundException",
        "WAFNonexistentItemException",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A resource of a stack."""

    name: str
    """What the template calls it."""
    kind: str
    """Such as `AWS::S3::Bucket`."""
    id: str
    status: str


def parts_of(cloudformation: Any, stack: str) -> list[Part]:
    """List a stack's resources, those of stacks within it too; also of one that was deleted.

    Empty if there never was such a stack. CloudFormation remembers a deleted one for 90 days.
    """
    found: list[Part] = []
    for stack_id in _stack_ids(cloudformation, stack):
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
        for page in pages:
            for each in page["StackResourceSummaries"]:
                part = Part(
                    name=each["LogicalResourceId"],
                    kind=each["ResourceType"],
                    id=each.get("PhysicalResourceId", ""),
                    status=each["ResourceStatus"],
                )
                found.append(part)
                if part.kind == _NESTED and part.id:
                    found += parts_of(cloudformation, part.id)
    return found


def remove(
    account: Account, names: Names, *, say: Callable[[str], object], look_seconds: float = 300
) -> None:
    """Remove everything of a run, and look whether anything is left; safe to repeat.

    Each step is taken whatever became of the ones before it. Keys of KMS can only be scheduled for
    deletion, in seven days.

    Raises CheckFailedError, which names what went wrong and what is left.
    """
    cloudformation = account.client("cloudformation")
    s3 = account.client("s3")
    parts: dict[tuple[str, str], Part] = {}
    failures: list[str] = []

    def step(what: str, take: Callable[[], object]) -> None:
        say(what)
        try:
            take()
        except (ClientError, WaiterError, CheckFailedError) as error:
            failures.append(f"{what}: {error}")

    def know_parts() -> None:
        # What was seen before counts as well: a deleted stack may tell less.
        for part in parts_of(cloudformation, names.stack):
            if part.id:
                parts[part.kind, part.id] = part

    step("listing the stack's resources", know_parts)
    for bucket in [part.id for part in parts.values() if part.kind == "AWS::S3::Bucket"]:
        step(f"emptying bucket {bucket}", partial(empty_bucket, s3, bucket))
    step(f"deleting stack {names.stack}", lambda: delete_stack(cloudformation, names.stack))
    step("listing what it left", know_parts)
    for part in parts.values():
        if part.kind in REMOVERS:
            step(
                f"removing {part.kind} {part.id}",
                partial(REMOVERS[part.kind], account, part.id),
            )
        elif part.status == "DELETE_SKIPPED":
            failures.append(f"{part.kind} {part.id} was left, and nothing here can remove it")
    step(f"removing bucket {names.artifacts}", lambda: remove_bucket(s3, names.artifacts))
    step(
        f"removing web ACL {names.stack}",
        lambda: remove_web_acl(account.client("wafv2", region=EDGE_REGION), names.stack),
    )
    step(
        f"removing parameters below /penstock/{names.environment}/",
        lambda: remove_parameters(account.client("ssm"), names.environment),
    )
    step(
        "looking for what is left",
        lambda: nothing_is_left(account, names, patience_seconds=look_seconds),
    )
    if failures:
        raise CheckFailedError(
            "Not everything was removed; the same command again may do it. " + "; ".join(failures)
        )


def empty_bucket(s3: Any, bucket: str) -> None:
    """Delete every version and every delete marker of a bucket's objects, if there is a bucket."""
    with _if_there():
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            listed = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in listed]
            for first in range(0, len(objects), _MOST_AT_ONCE):
                some = objects[first : first + _MOST_AT_ONCE]
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
                for error in answer.get("Errors", []):
                    raise CheckFailedError(f"{error['Key']} stays: {error.get('Message')}")


def remove_bucket(s3: Any, bucket: str) -> None:
    """Empty and remove a bucket, if it is there; logs may still arrive in it meanwhile."""
    for attempt in range(1, _ATTEMPTS + 1):
        empty_bucket(s3, bucket)
        try:
            with _if_there():
                s3.delete_bucket(Bucket=bucket)
        except ClientError as error:
            if _code(error) != "BucketNotEmpty" or attempt == _ATTEMPTS:
                raise
        else:
            return


def remove_web_acl(wafv2: Any, name: str) -> None:
    """Delete a web ACL, if it is there; a distribution that is gone may hold it for a while."""
    listed = wafv2.list_web_acls(Scope="CLOUDFRONT", Limit=_WEB_ACLS)["WebACLs"]
    for found in [each for each in listed if each["Name"] == name]:
        for attempt in range(1, _ATTEMPTS + 1):
            wanted = {"Name": name, "Scope": "CLOUDFRONT", "Id": found["Id"]}
            try:
                with _if_there():
                    token = wafv2.get_web_acl(**wanted)["LockToken"]
                    wafv2.delete_web_acl(**wanted, LockToken=token)
            except ClientError as error:
                if _code(error) != "WAFAssociatedItemException" or attempt == _ATTEMPTS:
                    raise
                time.sleep(_LOOK_SECONDS)
            else:
                break


def remove_parameters(ssm: Any, environment: str) -> None:
    """Delete all parameters of an environment."""
    names = [
        each["Name"]
        for page in ssm.get_paginator("get_parameters_by_path").paginate(
            Path=f"/penstock/{environment}/", Recursive=True
        )
        for each in page["Parameters"]
    ]
    for first in range(0, len(names), _PARAMETERS_AT_ONCE):
        ssm.delete_parameters(Names=names[first : first + _PARAMETERS_AT_ONCE])


def delete_stack(cloudformation: Any, stack: str) -> None:
    """Delete a stack, if it is there, and wait; a deletion that fails is tried once more.

    A distribution alone takes some ten minutes. Raises CheckFailedError with CloudFormation's
    reasons if it isn't gone then.
    """
    if not _exists(cloudformation, stack):
        return
    stack_id = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    for attempt in range(1, _DELETE_TWICE + 1):
        cloudformation.delete_stack(StackName=stack_id)
        try:
            cloudformation.get_waiter("stack_delete_complete").wait(
                StackName=stack_id,
                WaiterConfig={"Delay": _LOOK_SECONDS, "MaxAttempts": _LOOKS},
            )
        except WaiterError as error:
            if attempt == _DELETE_TWICE:
                raise CheckFailedError(_reasons(cloudformation, stack_id)) from error
        else:
            return


def nothing_is_left(account: Account, names: Names, *, patience_seconds: float = 300) -> None:
    """See that nothing has the run's tag any more, but keys that wait for their deletion.

    The index of tags follows some minutes later. Raises CheckFailedError, which names what is left.
    """
    ends = time.monotonic() + patience_seconds
    while left := left_over(account, names):
        if time.monotonic() > ends:
            raise CheckFailedError(f"This is left: {', '.join(left)}.")
        time.sleep(min(_LOOK_SECONDS, patience_seconds))


def left_over(account: Account, names: Names) -> list[str]:
    """List what has the run's tag, by ARN, without keys that wait for their deletion."""
    found: set[str] = set()
    for region in {account.region, EDGE_REGION}:
        tagging = account.client("resourcegroupstaggingapi", region=region)
        pages = tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": TAG, "Values": [names.stack]}]
        )
        found |= {each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]}
    return sorted(arn for arn in found if not _waits_for_deletion(account, arn))


def _waits_for_deletion(account: Account, arn: str) -> bool:
    _, _, service, region, _, _ = arn.split(":", 5)
    if service != "kms":
        return False
    described = account.client("kms", region=region).describe_key(KeyId=arn)
    return bool(described["KeyMetadata"]["KeyState"] == "PendingDeletion")


def _remove_table(account: Account, table: str) -> None:
    dynamodb = account.client("dynamodb")
    with _if_there():
        dynamodb.delete_table(TableName=table)
        dynamodb.get_waiter("table_not_exists").wait(TableName=table)


def _remove_key(account: Account, key: str) -> None:
    kms = account.client("kms")
    with _if_there():
        if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion":
            kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=_KEY_DAYS)


def _remove_log_group(account: Account, group: str) -> None:
    with _if_there():
        account.client("logs").delete_log_group(logGroupName=group)


def _remove_version(account: Account, version: str) -> None:
    # Gone with its function, unless that one stays.
    with _if_there():
        account.client("lambda").delete_function(FunctionName=version)


def _remove_role(account: Account, role: str) -> None:
    iam = account.client("iam")
    with _if_there():
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        iam.delete_role(RoleName=role)


def _leave_setting(_account: Account, _setting: str) -> None:
    """Leave what isn't the stack's: a Region's account logs by a role, or by one that is gone."""


REMOVERS: dict[str, Callable[[Account, str], None]] = {
    "AWS::ApiGateway::Account": _leave_setting,
    "AWS::DynamoDB::GlobalTable": _remove_table,
    "AWS::DynamoDB::Table": _remove_table,
    "AWS::IAM::Role": _remove_role,
    "AWS::KMS::Key": _remove_key,
    "AWS::Lambda::Version": _remove_version,
    "AWS::Logs::LogGroup": _remove_log_group,
    "AWS::S3::Bucket": lambda account, bucket: remove_bucket(account.client("s3"), bucket),
}
"""For each kind that may outlive its stack, what removes it where it is still there."""


def _stack_ids(cloudformation: Any, stack: str) -> list[str]:
    if _exists(cloudformation, stack):
        return [stack]
    pages = cloudformation.get_paginator("list_stacks").paginate(
        StackStatusFilter=["DELETE_COMPLETE", "DELETE_FAILED"]
    )
    return [
        str(each["StackId"])
        for page in pages
        for each in page["StackSummaries"]
        if stack in (each["StackName"], each["StackId"])
    ]


def _exists(cloudformation: Any, stack: str) -> bool:
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if _code(error) == "ValidationError":
            return False
        raise
    return bool(found[0]["StackStatus"] != "DELETE_COMPLETE")


def _reasons(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [
        f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', 'no reason')}"
        for each in events
        if each["ResourceStatus"] == "DELETE_FAILED"
    ]
    return f"stack {stack} can't be deleted ({'; '.join(failed) or 'it takes too long'})"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _if_there() -> Iterator[None]:
    """End the body early where what it works on is gone already."""
    try:
        yield
    except ClientError as error:
        if _code(error) not in _GONE:
            raise


def main(stacks: list[str]) -> None:
    """Remove what is left of runs, by their stacks' names."""
    for names in [names_of(stack) for stack in stacks]:
        remove(OwnAccount(), names, say=print)


if __name__ == "__main__":
    main(sys.argv[1:])
