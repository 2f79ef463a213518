"""Requests in the log on AWS: each as one line of JSON, and as metrics in CloudWatch's own format.

The library that writes both is loaded with the first of them: a record is kept behind its answer,
and the first answer doesn't wait for what it doesn't need.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import logging
from functools import cache, partial

from penstock.web.front.access_log import Keep, RequestRecord, shown

_MILLISECONDS = 1000

_log = logging.getLogger("penstock.requests")


def request_log(*, service: str, namespace: str) -> Keep:
    """Give what logs the record of a request, and writes its metrics, before it returns.

    Metrics have no other dimension than the service: a tenant's figures are found in the log, since
    each further dimension of each tenant is a metric that is paid for.
    """
    metrics = cache(partial(_metrics, service=service, namespace=namespace))

    def keep(record: RequestRecord) -> None:
        _log.info("request", extra=facts(record))
        metrics()(record)

    return keep


def facts(record: RequestRecord) -> dict[str, object]:
    """Describe a request: who asked for which dataset how, and what came of it.

    Nothing of a query is among them, and no key, wherever it stood.
    """
    described: dict[str, object | None] = {
        "tenant": record.tenant,
        "request_id": record.request_id,
        "trace_id": record.trace_id,
        "method": record.method,
        "path": record.shown_path,
        "dataset": None if record.dataset is None else shown(record.dataset),
        "format": None if record.format is None else shown(record.format),
        "status": record.status,
        "outcome": record.outcome,
        "problem": record.problem,
        "rows": record.rows,
        "rows_expected": record.rows_expected,
        "bytes": record.size_bytes,
        "coding": record.coding,
        "etag": record.etag,
        "duration_ms": round(record.seconds * _MILLISECONDS, 1),
        "first_byte_ms": None
        if record.first_byte_seconds is None
        else round(record.first_byte_seconds * _MILLISECONDS, 1),
    }
    return {name: fact for name, fact in described.items() if fact is not None}


def _metrics(*, service: str, namespace: str) -> Keep:
    from aws_lambda_powertools.metrics import (  # noqa: PLC0415 - behind an answer
        Metrics,
        MetricUnit,
    )

    metrics = Metrics(namespace=namespace, service=service)

    def keep(record: RequestRecord) -> None:
        milliseconds = record.seconds * _MILLISECONDS
        metrics.add_metric("Requests", MetricUnit.Count, 1)
        metrics.add_metric("Duration", MetricUnit.Milliseconds, milliseconds)
        metrics.add_metric("BytesSent", MetricUnit.Bytes, record.size_bytes)
        if record.first_byte_seconds is not None:
            first_byte = record.first_byte_seconds * _MILLISECONDS
            metrics.add_metric("FirstByte", MetricUnit.Milliseconds, first_byte)
        if record.rows is not None:
            metrics.add_metric("RowsSent", MetricUnit.Count, record.rows)
        outcome = record.outcome
        metrics.add_metric("AbortedStreams", MetricUnit.Count, int(outcome == "aborted"))
        # Neither a busy service nor a damaged dataset is mended by an older version of the code.
        failed = outcome == "failed" and record.problem == "internal"
        metrics.add_metric("Failures", MetricUnit.Count, int(failed))
        metrics.add_metric("RowMismatches", MetricUnit.Count, int(record.has_other_rows))
        metrics.flush_metrics()

    return keep
