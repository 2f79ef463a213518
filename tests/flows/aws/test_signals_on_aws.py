"""A stack with a Redis: a cancel over the JSON API reaches the worker at once."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from tests.aws_tables import client_of
from tests.flows.function_process import FunctionProcess, function
from tests.flows.stack_functions import SLICE, gateway_event
from tests.flows.stack_on_stand_ins import Stack, add_key, made_stack
from tests.redis_parts import PATIENCE_SECONDS, RedisServer, hanging_server, redis_server
from tests.stand_ins import StandIn

from penstock.aws.compose_work import compose_work
from penstock.aws.services.clients import Clients
from penstock.jobs.run import RunOutcome, run
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.message import JobMessage
from penstock.settings import JobSettings, from_environment

PARAMETER = "redis-url"


@pytest.fixture(scope="module")
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    return made_stack(s3_server, aws_server)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return add_key(stack)


def put_url(stack: Stack, url: str) -> Mapping[str, str]:
    """Store where the Redis is; give the environment of a function that reads it."""
    name = f"/penstock/{stack.environment}/{PARAMETER}"
    client_of(stack.aws, "ssm").put_parameter(
        Name=name, Value=url, Type="SecureString", Overwrite=True
    )
    return {
        **stack.variables,
        "PENSTOCK_REDIS_PARAMETER": PARAMETER,
        "PENSTOCK_JOB_HEARTBEAT_SECONDS": "3600",
        "POWERTOOLS_SERVICE_NAME": "example",
    }


def begun(api: FunctionProcess, key: str) -> tuple[str, JobMessage]:
    answer = api(gateway_event("POST", "/v1/exports", key=key, body=SLICE))
    assert answer["statusCode"] == 202, answer
    job_id = answer["headers"]["location"].rpartition("/")[2]
    return job_id, JobMessage(
        tenant="acme", job_id=job_id, kind="export", type="dataset-slice", size="small"
    )


def logged(api: FunctionProcess, text: str) -> str:
    """Wait until a function has logged a text; give all that it has logged by then."""
    for _ in range(PATIENCE_SECONDS * 20):
        if text in (said := api.log()):
            return said
        threading.Event().wait(0.05)
    raise AssertionError(api.log())


def test_a_worker_hears_of_a_cancel_by_the_way_that_a_parameter_names(
    stack: Stack, key: str, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = put_url(stack, server.url)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    is_begun = threading.Event()

    def patient(attempt: Attempt) -> tuple[Artifact, ...]:
        is_begun.set()
        for _ in range(PATIENCE_SECONDS * 100):
            if attempt.is_over():
                attempt.progress(1)  # raises why
            threading.Event().wait(0.01)
        return ()

    came: list[RunOutcome] = []
    with (
        function("penstock.aws.gateway.api", variables) as api,
        compose_work(
            from_environment(JobSettings), Clients(), owner="w1", is_stopping=lambda: False
        ) as worker,
    ):
        job_id, message = begun(api, key)
        own = replace(worker, works={"export": patient})
        thread = threading.Thread(target=lambda: came.append(run(own, message)))
        thread.start()
        assert is_begun.wait(PATIENCE_SECONDS)
        answer = api(gateway_event("POST", f"/v1/jobs/{job_id}/cancel", key=key, body={}))
        assert answer["statusCode"] == 202
        thread.join(PATIENCE_SECONDS + 10)
        assert not thread.is_alive()
    assert came[0].outcome == "cancelled"


@pytest.mark.parametrize("url", ["hanging", "redis://:hush@127.0.0.1:1", "no url: hush"])
def test_a_redis_that_is_of_no_use_fails_no_request_and_is_told_once(
    stack: Stack, key: str, url: str
) -> None:
    with (
        hanging_server() as hanging,
        function(
            "penstock.aws.gateway.api", put_url(stack, hanging if url == "hanging" else url)
        ) as api,
    ):
        for _ in range(3):
            job_id, _message = begun(api, key)
            answer = api(gateway_event("POST", f"/v1/jobs/{job_id}/cancel", key=key, body={}))
            assert answer["statusCode"] == 202
        said = logged(api, "telling by way of Redis fails")
    assert "Traceback" not in said
    assert "hush" not in said
    assert said.count("telling by way of Redis fails") == 1
