"""Traces: each request that X-Ray samples, as a part of its invocation."""

import os
import time
from typing import Any

from penstock.web.account import Account, Keep, shown

_TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
_SAMPLED = "Sampled=1"


def traces(*, service: str) -> Keep:
    """Give what tells X-Ray of a request, once it has ended, where its invocation is sampled.

    A request is a subsegment with the time to its first byte within it. Both are made afterwards:
    what happens in several threads needs no context of its own then, and a request that isn't
    sampled doesn't even load the library.
    """

    def keep(account: Account) -> None:
        if _SAMPLED in os.environ.get(_TRACE_VARIABLE, ""):
            _send(account, service)

    return keep


def _send(account: Account, service: str) -> None:
    from aws_lambda_powertools import Tracer  # noqa: PLC0415 - a tenth of a second, for the few

    recorder: Any = Tracer(service=service, auto_patch=False).provider
    ended = time.time()
    began = ended - account.seconds
    request = recorder.begin_subsegment("request")
    request.start_time = began
    for name, value in {
        "service": service,
        "tenant": account.tenant,
        "dataset": account.dataset and shown(account.dataset),
        "format": account.format and shown(account.format),
        "status": account.status,
        "outcome": account.outcome,
        "problem": account.problem,
    }.items():
        if value is not None:
            request.put_annotation(name, value)
    for name, count in {"rows": account.rows, "bytes": account.size_bytes}.items():
        if count is not None:
            request.put_metadata(name, count)
    if account.first_byte_seconds is not None:
        recorder.begin_subsegment("first byte").start_time = began
        recorder.end_subsegment(began + account.first_byte_seconds)
    if account.outcome in {"failed", "aborted"}:
        request.add_fault_flag()
    elif account.outcome == "refused":
        request.add_error_flag()
    recorder.end_subsegment(ended)
