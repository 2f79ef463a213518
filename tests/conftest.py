"""What tests of every kind share: the real inputs, which are found and never copied."""

import os
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

settings.register_profile("without-timings", deadline=None)
settings.load_profile("without-timings")


@pytest.fixture(scope="session")
def inputs() -> Path:
    """The folder of real inputs that PENSTOCK_TEST_INPUTS names."""
    named = os.environ.get("PENSTOCK_TEST_INPUTS")
    if named is None:
        missing("PENSTOCK_TEST_INPUTS names no folder of real inputs")
    return Path(named)


def missing(reason: str) -> NoReturn:
    """Skip the test for a missing part; where everything is to be there, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
