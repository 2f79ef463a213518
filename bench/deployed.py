"""A stack in stand-ins, with the measured data in its bucket, and how it is asked."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import stand_ins
from tests.aws_tables import client_of
from tests.flows.stack_on_stand_ins import HOST, Stack, made_stack
from tests.function_package import ROOT

from penstock.aws.invoke.functions import read_function

TEMPLATE = ROOT / "template.yaml"
EVENT = ROOT / "events" / "download-csv.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A stack; its functions run on this machine."""

    stack: Stack

    def put(self, dataset: str, path: Path) -> None:
        """Store a Parquet file as a dataset of the tenant's."""
        with path.open("rb") as file:
            client_of(self.stack.s3, "s3").put_object(
                Bucket=self.stack.bucket, Key=self.key(dataset), Body=file
            )

    def key(self, dataset: str) -> str:
        """Give the key of a dataset's object."""
        return f"acme/datasets/{dataset}.parquet"

    def variables(
        self, name: str = "DownloadFunction", *, megabytes: int | None = None
    ) -> dict[str, str]:
        """Give a function's whole environment, as the template has it for a size."""
        parameters = {} if megabytes is None else {"MemoryMegabytes": str(megabytes)}
        inherited = self.stack.variables
        read = read_function(TEMPLATE, name, parameters=parameters, inherited=inherited)
        return read.environment(inherited=inherited, given={})

    def behind(self, *, s3: str, aws: str) -> "Deployed":
        """Give the same stack at other endpoints."""
        stack = replace(
            self.stack, s3=stand_ins.StandIn(endpoint=s3), aws=stand_ins.StandIn(endpoint=aws)
        )
        return Deployed(stack=stack)


@contextmanager
def deployed(folder: Path) -> Iterator[Deployed]:
    """Run the stand-ins for the body, with their data below `folder`, and make a stack in them."""
    with ExitStack() as running:
        s3 = running.enter_context(stand_ins.seaweed(folder))
        aws = running.enter_context(stand_ins.moto(folder))
        yield Deployed(stack=made_stack(s3, aws))


def event(path: str, *, coding: str | None = None, host: str | None = HOST) -> dict[str, Any]:
    """Write a request as the event of a Function URL, as it comes through the edge.

    Without a `host` of a tenant, it is one that reaches a function past the edge, for `localhost`.
    """
    made: dict[str, Any] = json.loads(EVENT.read_text(encoding="utf-8"))
    split = urlsplit(path)
    made |= {"rawPath": split.path, "rawQueryString": split.query}
    made.pop("queryStringParameters")
    made["requestContext"]["http"]["path"] = split.path
    made["headers"] |= headers(coding=coding, host=host)
    if host is None:
        made["headers"].pop("x-tenant-host")
    return made


def headers(*, coding: str | None = None, host: str | None = HOST) -> Mapping[str, str]:
    """Give the headers of the same request, for a server that is asked without a function."""
    said = {"accept-encoding": coding or "identity"}
    if coding == "zstd":
        said |= {"accept-encoding": "identity", "x-accept-zstd": "1"}
    if host is None:
        return {"accept-encoding": coding or "identity", "host": "localhost"}
    return {**said, "host": "function.example", "x-tenant-host": host}
