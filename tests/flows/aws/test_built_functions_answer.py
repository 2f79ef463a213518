"""The functions as they are deployed, code and layers alone, answer their sample events."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from tests.flows.example_job import put_example_job, put_example_ticket, store_of
from tests.flows.stack_on_stand_ins import (
    ORIGIN_SECRET,
    Stack,
    current_secret,
    made_stack,
    sent_by_edge,
)
from tests.function_package import ROOT, FunctionPackage, functions, layers_of
from tests.stand_ins import StandIn

from penstock.aws.invoke.environment import environment
from penstock.aws.invoke.prelude import parse_prelude

_SECONDS = 30

_HANDLE = """
import importlib, json, types
context = types.SimpleNamespace(
    aws_request_id="8f5c", get_remaining_time_in_millis=lambda: 60_000
)
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(importlib.import_module(module), name)
for event in map(json.loads, sys.argv[2:]):
    print(json.dumps(handler(event, context)))
"""


@pytest.fixture
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    return made_stack(s3_server, aws_server)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """This interpreter with the standard library alone, as a function's is."""
    named = tmp_path / f"python{sys.version_info.major}.{sys.version_info.minor}"
    named.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    named.chmod(0o755)
    return named


def event(name: str) -> str:
    return (ROOT / "events" / f"{name}.json").read_text(encoding="utf-8")


def test_the_download_function_streams_through_its_wrapper(
    package: FunctionPackage, stack: Stack, python: Path
) -> None:
    command = [str(package.opt / "penstock-stream"), str(python), "/var/runtime/bootstrap.py"]
    variables = {
        **stack.variables,
        "LAMBDA_TASK_ROOT": str(package.code),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PENSTOCK_TRUSTED_EDGE": "true",
        "_HANDLER": "penstock.aws.handlers.download",
    }

    async def streamed(name: str) -> tuple[int, bytes]:
        async with environment(command, variables) as running:
            answer = await running.invoke(event(name).encode(), seconds=_SECONDS)
            content = b"".join([piece async for piece in answer.pieces()])
        prelude, _, body = content.partition(bytes(8))
        return parse_prelude(prelude).status, body

    status, body = asyncio.run(streamed("download-csv"))
    assert status == 200
    assert body.splitlines()[1:] == [
        b"44000001,Bath,122",
        b"44000003,Clifton,122",
        b"44000004,Corsham,122",
    ]
    status, body = asyncio.run(streamed("download-filtered-json"))
    assert status == 200
    assert len(json.loads(body)) == 2


def test_the_api_function_answers_behind_the_edge_alone(
    package: FunctionPackage, stack: Stack
) -> None:
    variables = {**stack.variables, "PENSTOCK_TRUSTED_EDGE": "true"}
    events = [event("api-get"), event("api-without-secret")]
    answered = package.run(_HANDLE, "penstock.aws.gateway.api", *events, variables=variables)
    statuses = [
        json.loads(line)["statusCode"] for line in answered.splitlines() if "statusCode" in line
    ]
    through_the_edge, past_it = statuses
    assert through_the_edge != past_it == 403


def test_workers_do_what_their_queues_ask_for(package: FunctionPackage, stack: Stack) -> None:
    job = put_example_job(stack)
    handler = "penstock.aws.work_handlers.work"
    said = package.run(
        _HANDLE, handler, event("work-batch"), variables=stack.variables, layers=_layers("Medium")
    )
    assert json.loads(said.splitlines()[-1]) == {"batchItemFailures": []}
    assert store_of(stack).get(job.tenant, job.id).state == "SUCCEEDED"


@pytest.mark.parametrize(
    ("function", "name", "said"),
    [
        ("SweepFunction", "sweep", '"published"'),
        ("RangeFunction", "range", '{"outcome": "left"}'),
        ("SocketFunction", "socket-connect", '{"statusCode": 200}'),
        ("SocketFunction", "socket-disconnect", '{"statusCode": 200}'),
        ("PushFunction", "push", "null"),
    ],
)
def test_functions_without_an_engine_answer(
    package: FunctionPackage, stack: Stack, function: str, name: str, said: str
) -> None:
    put_example_ticket(stack)
    described = functions()[function]
    answered = package.run(
        _HANDLE,
        described["Handler"],
        event(name),
        variables=stack.variables,
        layers=layers_of(described),
    )
    assert said in answered.splitlines()[-1]


def _layers(size: str) -> list[str]:
    return layers_of(functions()[f"{size}WorkFunction"])


def test_the_rotation_function_gives_the_edge_a_new_secret(
    package: FunctionPackage, stack: Stack
) -> None:
    steps = [
        json.dumps(json.loads(file.read_text(encoding="utf-8")) | {"SecretId": stack.secret_arn})
        for file in sorted((ROOT / "events").glob("rotate-origin-secret-*.json"))
    ]
    handler = "penstock.aws.handlers.rotate_origin_secret"
    package.run(_HANDLE, handler, *steps, variables=stack.variables)
    assert sent_by_edge(stack) == current_secret(stack) != ORIGIN_SECRET
