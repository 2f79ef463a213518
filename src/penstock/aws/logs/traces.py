"""Traces: each request that X-Ray samples, as a part of its invocation."""

import os
import time
from typing import Any

from penstock.web.front.access_log import Keep, RequestRecord, shown

_TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
_SAMPLED = "Sampled=1"


def traces(*, service: str) -> Keep:
    """Give what tells X-Ray of a request, once it has ended, where its invocation is sampled.

    A request is a subsegment with the time to its first byte within it. Both are made afterwards:
    what happens in several threads needs no context of its own then, and a request that isn't
    sampled doesn't even load the library.
    """

    def keep(record: RequestRecord) -> None:
        if _SAMPLED in os.environ.get(_TRACE_VARIABLE, ""):
            _send(record, service)

    return keep


def _send(record: RequestRecord, service: str) -> None:
    from aws_lambda_powertools import Tracer  # noqa: PLC0415 - a tenth of a second, for the few

    recorder: Any = Tracer(service=service, auto_patch=False).provider
    ended = time.time()
    began = ended - record.seconds
    request = recorder.begin_subsegment("request")
    request.start_time = began
    for name, value in {
        "service": service,
        "tenant": record.tenant,
        "dataset": record.dataset and shown(record.dataset),
        "format": record.format and shown(record.format),
        "status": record.status,
        "outcome": record.outcome,
        "problem": record.problem,
    }.items():
        if value is not None:
            request.put_annotation(name, value)
    for name, count in {"rows": record.rows, "bytes": record.size_bytes}.items():
        if count is not None:
            request.put_metadata(name, count)
    if record.first_byte_seconds is not None:
        recorder.begin_subsegment("first byte").start_time = began
        recorder.end_subsegment(began + record.first_byte_seconds)
    if record.outcome in {"failed", "aborted"}:
        request.add_fault_flag()
    elif record.outcome == "refused":
        request.add_error_flag()
    recorder.end_subsegment(ended)
