"""Accounts on AWS: each request as one line of JSON, and as metrics in CloudWatch's own format.

The library that writes both is loaded with the first of them: an account is kept behind its answer,
and the first answer doesn't wait for what it doesn't need.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import logging
import sys
from functools import cache, cached_property, partial

from penstock.web.account import Account, Keep, shown

_MILLISECONDS = 1000

_log = logging.getLogger("penstock.requests")


def log_as_json(*, service: str) -> None:
    """Have every line of this process's log be JSON, on standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Json(service=service))
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries log what they like at lower levels: paths, or where credentials were found.
    root.setLevel(logging.WARNING)
    logging.getLogger("penstock").setLevel(logging.INFO)


def accounts(*, service: str, namespace: str) -> Keep:
    """Give what logs an account, and writes its metrics, before it returns.

    Metrics have no other dimension than the service: a tenant's figures are found in the log, since
    each further dimension of each tenant is a metric that is paid for.
    """
    metrics = cache(partial(_metrics, service=service, namespace=namespace))

    def keep(account: Account) -> None:
        _log.info("request", extra=facts(account))
        metrics()(account)

    return keep


def facts(account: Account) -> dict[str, object]:
    """Describe a request: who asked for which dataset how, and what came of it.

    Nothing of a query is among them, and no key, wherever it stood.
    """
    described: dict[str, object | None] = {
        "tenant": account.tenant,
        "request_id": account.request_id,
        "trace_id": account.trace_id,
        "method": account.method,
        "path": account.shown_path,
        "dataset": None if account.dataset is None else shown(account.dataset),
        "format": None if account.format is None else shown(account.format),
        "status": account.status,
        "outcome": account.outcome,
        "problem": account.problem,
        "rows": account.rows,
        "rows_expected": account.rows_expected,
        "bytes": account.size_bytes,
        "coding": account.coding,
        "etag": account.etag,
        "duration_ms": round(account.seconds * _MILLISECONDS, 1),
        "first_byte_ms": None
        if account.first_byte_seconds is None
        else round(account.first_byte_seconds * _MILLISECONDS, 1),
    }
    return {name: fact for name, fact in described.items() if fact is not None}


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


def _metrics(*, service: str, namespace: str) -> Keep:
    from aws_lambda_powertools.metrics import (  # noqa: PLC0415 - behind an answer
        Metrics,
        MetricUnit,
    )

    metrics = Metrics(namespace=namespace, service=service)

    def keep(account: Account) -> None:
        milliseconds = account.seconds * _MILLISECONDS
        metrics.add_metric("Requests", MetricUnit.Count, 1)
        metrics.add_metric("Duration", MetricUnit.Milliseconds, milliseconds)
        metrics.add_metric("BytesSent", MetricUnit.Bytes, account.size_bytes)
        if account.first_byte_seconds is not None:
            first_byte = account.first_byte_seconds * _MILLISECONDS
            metrics.add_metric("FirstByte", MetricUnit.Milliseconds, first_byte)
        if account.rows is not None:
            metrics.add_metric("RowsSent", MetricUnit.Count, account.rows)
        outcome = account.outcome
        metrics.add_metric("AbortedStreams", MetricUnit.Count, int(outcome == "aborted"))
        # Neither a busy service nor a damaged dataset is mended by an older version of the code.
        failed = outcome == "failed" and account.problem == "internal"
        metrics.add_metric("Failures", MetricUnit.Count, int(failed))
        metrics.add_metric("RowMismatches", MetricUnit.Count, int(account.has_other_rows))
        metrics.flush_metrics()

    return keep
