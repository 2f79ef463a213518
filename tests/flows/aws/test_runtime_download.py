"""The download function, in its own process behind a Function URL, serves slices from S3."""

import random
from collections.abc import Iterator

import pyarrow as pa
import pytest
from tests.flows import runtime_app
from tests.flows.function_url import FunctionUrl, Limits, function_url
from tests.flows.raw_exchange import Connection, Exchange, ask
from tests.flows.stack_on_stand_ins import AREAS, HOST, Stack, made_stack, put_dataset
from tests.stand_ins import StandIn

ROWS = 40_000


@pytest.fixture(scope="module")
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    made = made_stack(s3_server, aws_server)
    chance = random.Random(1)
    texts = [chance.randbytes(250).hex() for _ in range(ROWS)]
    put_dataset(made, "large", pa.table({"n": range(ROWS), "text": texts}))
    return made


def served(stack: Stack, **limits: float) -> Iterator[FunctionUrl]:
    variables = {
        **runtime_app.variables(),
        **stack.variables,
        "_HANDLER": "penstock.aws.handlers.download",
        "PENSTOCK_TRUSTED_EDGE": "true",
    }
    chosen = Limits(init_seconds=30, **limits)  # type: ignore[arg-type] # any of its fields
    with function_url(runtime_app.COMMAND, variables, limits=chosen) as front:
        yield front


@pytest.fixture(scope="module")
def front(stack: Stack) -> Iterator[FunctionUrl]:
    yield from served(stack, bytes_a_second=1e12)


@pytest.fixture(scope="module")
def hurried(stack: Stack) -> Iterator[FunctionUrl]:
    """A function that has five seconds: 12 MB, by the pace that AWS allows."""
    yield from served(stack, seconds=5)


def get(front: FunctionUrl, target: str, **headers: str) -> Exchange:
    return ask(front.port, target, headers={"x-tenant-host": HOST, **headers})


def test_a_slice_arrives(front: FunctionUrl) -> None:
    exchange = get(front, "/conservation-area.csv?organisation-entity=7")
    assert (exchange.status, exchange.whole) == (200, True)
    assert exchange.body == b"entity,name,organisation-entity\n44000002,Bradford-on-Avon,7\n"


def test_a_large_dataset_arrives_whole(front: FunctionUrl) -> None:
    exchange = get(front, "/large.csv")
    assert (exchange.status, exchange.whole) == (200, True)
    assert exchange.body.count(b"\n") == ROWS + 1


def test_a_range_is_a_206(front: FunctionUrl) -> None:
    whole = get(front, "/conservation-area.csv").body
    exchange = get(front, "/conservation-area.csv", Range="bytes=10-19")
    assert (exchange.status, exchange.body) == (206, whole[10:20])
    assert exchange.headers["content-range"] == f"bytes 10-19/{len(whole)}"


def test_a_host_of_nobody_is_a_404(front: FunctionUrl) -> None:
    exchange = get(front, "/conservation-area.csv", **{"x-tenant-host": "nobody.example"})
    assert exchange.problem["status"] == 404


def test_a_client_that_leaves_lets_the_next_one_in(front: FunctionUrl) -> None:
    headers = {"x-tenant-host": HOST}
    pids = front.pids
    for _ in range(5):
        connection = Connection(front.port, "/large.csv", headers=headers, slow=True)
        connection.take(10_000)
        connection.leave()
    assert get(front, "/conservation-area.csv").body.count(b"\n") == AREAS.num_rows + 1
    assert front.failures == []
    assert set(pids) <= set(front.pids)


def test_what_does_not_fit_the_time_is_refused_before_it_starts(hurried: FunctionUrl) -> None:
    exchange = get(hurried, "/large.csv")
    assert (exchange.status, exchange.whole) == (413, True)
    assert get(hurried, "/large.csv?n__lt=1000").whole
