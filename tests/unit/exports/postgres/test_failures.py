"""Failures of a database: which of them another attempt can help, by the code that it told."""

import pytest

from penstock.errors import PermanentError, RecoverableError
from penstock.exports.postgres import failures


class ToldError(Exception):
    """What a driver raises: a text that may hold rows' values, and the server's code."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("hunter2")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    "code",
    [
        "0A000",
        "21000",
        "22012",
        "22P02",
        "23514",
        "25006",
        "2F003",
        "38000",
        "39001",
        "3F000",
        "42501",
        "42601",
        "42703",
        "42P01",
        "44000",
        "54001",
        "P0001",
    ],
)
def test_what_no_other_attempt_can_help_is_permanent(code: str) -> None:
    failed = failures.of_statement(ToldError(code))
    assert isinstance(failed, PermanentError)
    assert failed.facts["sqlstate"] == code
    assert "hunter2" not in failed.detail


@pytest.mark.parametrize(
    "code",
    [
        "08006",
        "25P03",
        "26000",
        "40001",
        "40P01",
        "42P05",
        "53300",
        "55P03",
        "57014",
        "57P01",
        "58030",
        "XX000",
    ],
)
def test_what_is_over_after_a_while_is_recoverable(code: str) -> None:
    failed = failures.of_statement(ToldError(code))
    assert isinstance(failed, RecoverableError)
    assert failed.facts["sqlstate"] == code


def test_an_error_without_a_code_is_a_lost_connection() -> None:
    failed = failures.of_statement(ToldError(None))
    assert isinstance(failed, RecoverableError)
    assert "lost" in failed.detail
