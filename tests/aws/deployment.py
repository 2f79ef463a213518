"""Deployment: a stack of a run's own, small and without what only production needs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.aws.account import EDGE_REGION, Account
from tests.aws.findings import CheckFailedError
from tests.aws.naming import TAG, TENANT, Names
from tests.aws.removal import Part, parts_of

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"

PARAMETERS = {
    "AccessLogDays": "1",
    "DataEvents": "false",
    # Its rate rules would end the check that sends many requests; one without stands in its place.
    "Firewall": "false",
    "LogRetentionDays": "7",
    "Rollout": "AllAtOnce",
}
"""What differs from template.yaml's defaults, besides the environment and the web ACL."""

UNLIMITED_PER_MINUTE = 1_000_000
"""The tenant's cap: never reached, but there, so that answers tell how requests are counted."""

_BUILD_SECONDS = 1200
_DEPLOY_SECONDS = 2400
_COMMAND_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A deployed stack: where its doors are, and what it keeps things in."""

    names: Names
    region: str
    domain: str
    """The distribution's own name, which is the tenant's only host."""
    function_host: str
    gateway_host: str
    bucket: str
    distribution: str
    origin_secret: str
    """What the edge sends to API Gateway, by its ARN."""

    @property
    def bucket_origin(self) -> str:
        """Where the bucket's objects are, at S3's address in the stack's Region."""
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com"

    @property
    def download_logs(self) -> str:
        """The download function's log group."""
        return f"/penstock/{self.names.stack}/download"


def sam_program(root: Path = ROOT) -> str:
    """Find the SAM CLI: the one that `make tools` made, else the one on PATH.

    Raises AssertionError if there is none.
    """
    made = root / ".tools" / "sam" / "bin" / "sam"
    found = str(made) if made.exists() else shutil.which("sam")
    assert found is not None, "There is no SAM CLI: run `make tools`."
    return found


def build_command(sam: str, *, template: Path, folder: Path) -> list[str]:
    """Give the command that builds a template's functions and layers in a folder of their own."""
    return [
        sam,
        "build",
        "--template-file",
        str(template),
        "--build-dir",
        str(folder / "build"),
        "--cache-dir",
        str(folder / "cache"),
        *_without_config(),
    ]


def deploy_command(
    sam: str, names: Names, *, template: Path, region: str, web_acl: str
) -> list[str]:
    """Give the command that deploys a built template and waits until it stands."""
    parameters = {**PARAMETERS, "Environment": names.environment, "FirewallArn": web_acl}
    return [
        sam,
        "deploy",
        "--template-file",
        str(template),
        "--stack-name",
        names.stack,
        "--region",
        region,
        "--s3-bucket",
        names.artifacts,
        "--capabilities",
        "CAPABILITY_IAM",
        "CAPABILITY_AUTO_EXPAND",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
        "--tags",
        f"{TAG}={names.stack}",
        "--parameter-overrides",
        *(f"{name}={value}" for name, value in sorted(parameters.items())),
        *_without_config(),
    ]


def make_artifacts_bucket(account: Account, names: Names) -> None:
    """Make the bucket of a run's own that code is uploaded to."""
    s3 = account.client("s3")
    place = (
        {}
        if account.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": account.region}}
    )
    s3.create_bucket(Bucket=names.artifacts, **place)
    s3.put_bucket_tagging(
        Bucket=names.artifacts, Tagging={"TagSet": [{"Key": TAG, "Value": names.stack}]}
    )


def make_web_acl(account: Account, names: Names) -> str:
    """Make a web ACL that lets everything through, and give its ARN.

    It stands for any: CloudFront changes a distribution that has one for those alone who may read
    it, and the function that rotates the origin secret has to be among them.
    """
    visible = {
        "SampledRequestsEnabled": False,
        "CloudWatchMetricsEnabled": False,
        "MetricName": names.stack,
    }
    made = account.client("wafv2", region=EDGE_REGION).create_web_acl(
        Name=names.stack,
        Scope="CLOUDFRONT",
        DefaultAction={"Allow": {}},
        VisibilityConfig=visible,
        Tags=[{"Key": TAG, "Value": names.stack}],
    )
    return str(made["Summary"]["ARN"])


def deploy(
    account: Account, names: Names, *, sam: str, folder: Path, template: Path = TEMPLATE
) -> None:
    """Build the template and deploy it. `folder` is for what is built.

    Raises CheckFailedError if a command fails.
    """
    make_artifacts_bucket(account, names)
    web_acl = make_web_acl(account, names)
    run(
        build_command(sam, template=template, folder=folder),
        region=account.region,
        seconds=_BUILD_SECONDS,
    )
    built = folder / "build" / "template.yaml"
    run(
        deploy_command(sam, names, template=built, region=account.region, web_acl=web_acl),
        region=account.region,
        seconds=_DEPLOY_SECONDS,
    )


def stack_of(account: Account, names: Names) -> Stack:
    """Read a deployed stack. Raises CheckFailedError if it lacks a part."""
    cloudformation = account.client("cloudformation")
    described = cloudformation.describe_stacks(StackName=names.stack)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
    parts = parts_of(cloudformation, names.stack)
    return stack_from(outputs, parts, names=names, region=account.region)


def stack_from(
    outputs: Mapping[str, str], parts: Sequence[Part], *, names: Names, region: str
) -> Stack:
    """Read a stack from its outputs and resources. Raises CheckFailedError if it lacks a part."""
    try:
        (gateway,) = (part.id for part in parts if part.name == "Api")
        (secret,) = (part.id for part in parts if part.name == "OriginSecret")
        return Stack(
            names=names,
            region=region,
            domain=outputs["DomainName"],
            function_host=outputs["FunctionUrlHost"],
            gateway_host=f"{gateway}.execute-api.{region}.amazonaws.com",
            bucket=outputs["DatasetBucket"],
            distribution=outputs["DistributionId"],
            origin_secret=secret,
        )
    except (KeyError, ValueError) as error:
        raise CheckFailedError(f"Stack {names.stack} lacks a part: {error}.") from error


def add_tenant(names: Names, *, host: str, region: str) -> None:
    """Have a host served, as whoever administers a stack does."""
    penstock(
        "tenants",
        "add",
        TENANT,
        "--host",
        host,
        "--requests-per-minute",
        str(UNLIMITED_PER_MINUTE),
        "--aws",
        names.environment,
        region=region,
    )


def add_key(names: Names, *, region: str) -> str:
    """Make an API key of the tenant and give its token."""
    said = penstock(
        "keys",
        "add",
        "--tenant",
        TENANT,
        "--user",
        "account-tests",
        "--days",
        "1",
        "--aws",
        names.environment,
        region=region,
    )
    return said.strip().splitlines()[-1]


def penstock(*arguments: str, region: str) -> str:
    """Run a command of Penstock's and give what it prints."""
    command = [sys.executable, "-m", "penstock", *arguments]
    return run(command, region=region, seconds=_COMMAND_SECONDS)


def run(command: Sequence[str], *, region: str, seconds: float) -> str:
    """Run a command and give what it prints; credentials are those of the environment.

    Raises CheckFailedError with the end of what it said if it fails or takes too long.
    """
    environment: dict[str, Any] = {
        **os.environ,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "SAM_CLI_TELEMETRY": "0",
    }
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise CheckFailedError(f"{command[:3]} took longer than {seconds:g} s.") from error
    if done.returncode != 0:
        said = f"{done.stdout}\n{done.stderr}".strip()[-4000:]
        raise CheckFailedError(f"{' '.join(command[:3])} failed:\n{said}")
    return done.stdout


def _without_config() -> list[str]:
    """Take nothing from samconfig.toml: an environment that isn't in it has nothing to say."""
    return ["--config-env", "account-tests"]
