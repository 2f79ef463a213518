"""Lines of a function's log: JSON, in the format of the library that writes its metrics."""

import logging
import sys
from functools import cached_property


def log_as_json(*, service: str) -> None:
    """Have every line of this process's log be JSON, on standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Json(service=service))
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries log what they like at lower levels: paths, or where credentials were found.
    root.setLevel(logging.WARNING)
    logging.getLogger("penstock").setLevel(logging.INFO)


class _Json(logging.Formatter):
    """The library's format, from the first record on."""

    def __init__(self, *, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        from aws_lambda_powertools.logging.formatter import (  # noqa: PLC0415 - behind an answer
            LambdaPowertoolsFormatter,
        )

        return LambdaPowertoolsFormatter(
            service=self._service, utc=True, log_record_order=["level", "message"]
        )
