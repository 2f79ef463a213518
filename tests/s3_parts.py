"""A bucket for tests, and the real parts that read it."""

from functools import cache
from typing import Any

from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY, StandIn, client_of

from penstock.reading.engine import Credentials, ObjectStore

CREDENTIALS = Credentials(access_key=ACCESS_KEY, secret_key=SECRET_KEY)

s3_client = cache(lambda endpoint: client_of("s3", endpoint))
"""A client of S3, made once for each endpoint: making one takes longer than most tests."""


def emptied_bucket(server: StandIn, name: str) -> Any:
    """Make a bucket, or empty the one that is there, and give a client."""
    client = s3_client(server.endpoint)
    made = {each["Name"] for each in client.list_buckets()["Buckets"]}
    if name not in made:
        client.create_bucket(Bucket=name)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for each in page.get("Contents", ()):
            client.delete_object(Bucket=name, Key=each["Key"])
    return client


def store_of(endpoint: str, bucket: str) -> ObjectStore:
    """An engine's way to a bucket of a server."""
    return ObjectStore(
        prefixes=(f"s3://{bucket}/",),
        credentials=lambda: CREDENTIALS,
        region=REGION,
        endpoint=endpoint,
    )
