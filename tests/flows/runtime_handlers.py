"""Ordinary functions of the tests, which answer whole."""

import sys
from typing import Any


def telling(event: dict[str, Any], context: Any) -> dict[str, Any]:
    sys.stdout.write("logged\n")
    assert 0 < context.get_remaining_time_in_millis() <= 7000
    return {
        "statusCode": 201,
        "headers": {"Content-Type": "text/plain"},
        "cookies": ["a=1"],
        "body": f"{context.function_name} {event['path']}",
    }


def plain(event: dict[str, Any], context: Any) -> list[int]:
    return [1, 2]


def raising(event: dict[str, Any], context: Any) -> None:
    raise ValueError("no such thing")


def unwritable(event: dict[str, Any], context: Any) -> object:
    return object()
