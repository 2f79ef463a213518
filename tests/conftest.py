"""What tests of every kind share: real inputs, found and never copied, and servers for AWS's."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings
from tests import function_package, postgres_parts, stand_ins
from tests.function_package import FunctionPackage
from tests.postgres_parts import PostgresServer
from tests.stand_ins import StandIn

settings.register_profile("without-timings", deadline=None)
settings.load_profile("without-timings")


@pytest.fixture(scope="session")
def inputs() -> Path:
    """The folder of real inputs that PENSTOCK_TEST_INPUTS names."""
    named = os.environ.get("PENSTOCK_TEST_INPUTS")
    if named is None:
        missing("PENSTOCK_TEST_INPUTS names no folder of real inputs")
    return Path(named)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A real S3 server, for the whole run; a test makes a bucket of its own."""
    with stand_ins.seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def aws_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Services of AWS that have no real stand-in, for the whole run; names must be a test's own."""
    with stand_ins.moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A real PostgreSQL, for the whole run; a test makes a database of its own."""
    with postgres_parts.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> FunctionPackage:
    """The functions' code and layers, built for this interpreter; its layers are kept for later."""
    if not sys.platform.startswith("linux") or not function_package.ARCHITECTURE:
        missing("layers are made of wheels for Linux on x86_64 and arm64")
    return function_package.built(tmp_path_factory.mktemp("function"))


def missing(reason: str) -> NoReturn:
    """Skip the test for a missing part; where everything is to be there, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
