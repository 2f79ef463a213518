"""What a deployed stack has, made in stand-ins: a tenant with a dataset, tables, an edge."""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from tests.aws_job_homes import fresh_queue
from tests.aws_tables import (
    client_of,
    fresh_name,
    make_jobs_table,
    make_keys_table,
    make_receipts_table,
    make_sockets_table,
)
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY, StandIn

from penstock.aws.tenants.keys import DynamoKeys
from penstock.aws.tenants.signing_keys import SsmSigningKeys
from penstock.aws.tenants.tenants import SsmTenants
from penstock.model.clock import utc_now
from penstock.model.job import SIZES
from penstock.model.key import Role, new_key
from penstock.model.tenant import Tenant

HOST = "data.acme.example"
ORIGIN_SECRET = "the-secret-of-this-example"
RANGES_MACHINE = "arn:aws:states:eu-west-2:123456789012:stateMachine:example-ranges"
SOCKETS_ENDPOINT = "https://s0ck3t5.execute-api.eu-west-2.amazonaws.com/live"
SOCKETS_URL = "wss://s0ck3t5.execute-api.eu-west-2.amazonaws.com/live"

AREAS = pa.table(
    {
        "entity": pa.array([44000001, 44000002, 44000003, 44000004], pa.int64()),
        "name": ["Bath", "Bradford-on-Avon", "Clifton", "Corsham"],
        "organisation-entity": pa.array([122, 7, 122, 122], pa.int64()),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack's bucket and names, and the stand-ins that it is made in."""

    s3: StandIn
    aws: StandIn
    environment: str
    bucket: str
    keys_table: str
    receipts_table: str
    distribution: str
    secret_arn: str
    jobs_table: str
    sockets_table: str
    queues: Mapping[str, str]
    """The URLs of the queues of size classes, and of that of dead letters, `dead`."""
    bus: str

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment in which a function finds all of it."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_ENDPOINT_URL_S3": self.s3.endpoint,
            "DATASET_BUCKET": self.bucket,
            "PENSTOCK_DISTRIBUTION_ID": self.distribution,
            "PENSTOCK_DEAD_LETTERS_URL": self.queues["dead"],
            "PENSTOCK_ENVIRONMENT": self.environment,
            "PENSTOCK_EVENT_BUS": self.bus,
            "PENSTOCK_JOBS_TABLE": self.jobs_table,
            "PENSTOCK_KEYS_TABLE": self.keys_table,
            "PENSTOCK_LARGE_QUEUE_URL": self.queues["large"],
            "PENSTOCK_MEDIUM_QUEUE_URL": self.queues["medium"],
            "PENSTOCK_ORIGIN_SECRET_ARN": self.secret_arn,
            "PENSTOCK_RANGES_MACHINE": RANGES_MACHINE,
            "PENSTOCK_RECEIPTS_TABLE": self.receipts_table,
            "PENSTOCK_SMALL_QUEUE_URL": self.queues["small"],
            "PENSTOCK_SOCKETS_ENDPOINT": SOCKETS_ENDPOINT,
            "PENSTOCK_SOCKETS_TABLE": self.sockets_table,
            "PENSTOCK_SOCKETS_URL": SOCKETS_URL,
            "PENSTOCK_TRUSTED_EDGE": "true",
            "PATH": os.environ["PATH"],
        }


def made_stack(s3: StandIn, aws: StandIn) -> Stack:
    """Make one with the tenant acme, served under HOST, and its dataset conservation-area."""
    stack = Stack(
        s3=s3,
        aws=aws,
        environment=fresh_name("stage"),
        bucket=fresh_name("store"),
        keys_table=fresh_name("keys"),
        receipts_table=fresh_name("receipts"),
        distribution=_distribution(aws),
        secret_arn=_origin_secret(aws),
        jobs_table=fresh_name("jobs"),
        sockets_table=fresh_name("sockets"),
        queues={what: fresh_queue(client_of(aws, "sqs"), what) for what in (*SIZES, "dead")},
        bus=fresh_name("bus"),
    )
    dynamodb = client_of(aws, "dynamodb")
    make_keys_table(dynamodb, name=stack.keys_table)
    make_receipts_table(dynamodb, name=stack.receipts_table)
    make_jobs_table(dynamodb, name=stack.jobs_table)
    make_sockets_table(dynamodb, name=stack.sockets_table)
    client_of(aws, "events").create_event_bus(Name=stack.bus)
    add_tenant(stack, Tenant(id="acme", hosts=(HOST,), title="Acme"))
    store = client_of(s3, "s3")
    store.create_bucket(Bucket=stack.bucket)
    put_dataset(stack, "conservation-area", AREAS)
    return stack


def add_tenant(stack: Stack, tenant: Tenant) -> None:
    """Have a tenant served under its hosts."""
    ssm = client_of(stack.aws, "ssm")
    SsmTenants(client=ssm, environment=stack.environment, seconds=0, now=utc_now).add(tenant)


def add_key(stack: Stack, *, user: str = "ada", role: Role = "reader", tenant: str = "acme") -> str:
    """Store a key, and give its token."""
    key, token = new_key(tenant=tenant, user=user, role=role, created=utc_now())
    keys_of(stack).add(key)
    return token


def keys_of(stack: Stack) -> DynamoKeys:
    """Open a stack's keys."""
    signing = SsmSigningKeys(
        client=client_of(stack.aws, "ssm"), environment=stack.environment, seconds=0, now=utc_now
    )
    return DynamoKeys(
        client=client_of(stack.aws, "dynamodb"),
        table=stack.keys_table,
        signing=signing,
        now=utc_now,
    )


def put_dataset(
    stack: Stack,
    name: str,
    table: pa.Table,
    *,
    tenant: str = "acme",
    row_group_rows: int = 100_000,
) -> None:
    """Store a dataset as one file."""
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=row_group_rows)
    put_object(stack, f"{tenant}/datasets/{name}.parquet", file.getvalue())


def put_object(stack: Stack, key: str, content: bytes) -> None:
    """Store an object in the stack's bucket."""
    client_of(stack.s3, "s3").put_object(Bucket=stack.bucket, Key=key, Body=content)


def current_secret(stack: Stack) -> str:
    """The origin secret's current value."""
    secrets = client_of(stack.aws, "secretsmanager")
    found = secrets.get_secret_value(SecretId=stack.secret_arn, VersionStage="AWSCURRENT")
    return str(found["SecretString"])


def sent_by_edge(stack: Stack) -> str:
    """The origin secret that the distribution sends."""
    cloudfront = client_of(stack.aws, "cloudfront")
    config = cloudfront.get_distribution_config(Id=stack.distribution)["DistributionConfig"]
    (origin,) = config["Origins"]["Items"]
    return str(origin["CustomHeaders"]["Items"][0]["HeaderValue"])


def _origin_secret(aws: StandIn) -> str:
    made = client_of(aws, "secretsmanager").create_secret(
        Name=fresh_name("origin"), SecretString=ORIGIN_SECRET
    )
    return str(made["ARN"])


def _distribution(aws: StandIn) -> str:
    header = {"HeaderName": "x-origin-secret", "HeaderValue": ORIGIN_SECRET}
    origin = {
        "Id": "api",
        "DomainName": "a1b2c3d4e5.execute-api.eu-west-2.amazonaws.com",
        "CustomHeaders": {"Quantity": 1, "Items": [header]},
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "https-only",
        },
    }
    config = {
        "CallerReference": fresh_name("edge"),
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "api",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        },
    }
    made = client_of(aws, "cloudfront").create_distribution(DistributionConfig=config)
    return str(made["Distribution"]["Id"])
