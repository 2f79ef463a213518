"""What tests of a tenant's tables begin with."""

import pytest
from tests.moving_clock import Clock
from tests.stand_ins import StandIn
from tests.unit.aws.watched_client import Watched


@pytest.fixture(scope="module")
def dynamodb(aws_server: StandIn) -> Watched:
    return Watched(aws_server, "dynamodb")


@pytest.fixture
def clock() -> Clock:
    return Clock()
