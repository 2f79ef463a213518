"""CloudWatch: the log of a function, as it is so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup:
    """A log group; one that nothing was written to yet is empty."""

    logs: Any
    name: str

    def lines(self, phrase: str) -> Sequence[str]:
        """Give the messages that hold a phrase, in quotes as CloudWatch's patterns want them."""
        quoted = phrase.replace("\\", "\\\\").replace('"', '\\"')
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.name, filterPattern=f'"{quoted}"'
        )
        try:
            return [str(event["message"]) for page in pages for event in page["events"]]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
                return []
            raise
