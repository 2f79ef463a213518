"""Work: the outcome of each queue message, as a log line and as CloudWatch metrics."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from penstock.errors.location import code_path
from penstock.jobs.run import RunOutcome
from penstock.model.job_id import logged_id
from penstock.model.message import JobMessage

_MILLISECONDS = 1000
_NO_ATTEMPTS = frozenset({"repeated", "unknown"})

_log = logging.getLogger("penstock.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """What came of a message, from which queue, and how long it took."""

    message: JobMessage
    ran: RunOutcome
    queue: str
    seconds: float

    @property
    def is_unforeseen(self) -> bool:
        """Whether the attempt failed in a way that nobody foresaw: the service errs."""
        job = self.ran.job
        return (
            self.ran.fault is not None
            and job is not None
            and job.error is not None
            and job.error.kind == "unforeseen"
        )


def worked_facts(worked: MessageRecord) -> dict[str, object]:
    """Describe what came of a message: whose job, and how far it is; none of its parameters."""
    message, job = worked.message, worked.ran.job
    described: dict[str, object | None] = {
        "tenant": message.tenant,
        "job_id": logged_id(message.job_id),
        "type": message.type,
        "size": message.size,
        "queue": worked.queue,
        "outcome": worked.ran.outcome,
        "duration_ms": round(worked.seconds * _MILLISECONDS, 1),
    }
    if job is not None:
        described |= {
            "state": job.state,
            "attempt": job.attempt,
            "rows": job.progress.done,
            "bytes": job.progress.bytes,
            "phase": job.progress.phase or None,
            "problem": None if job.error is None else job.error.code,
        }
    return {name: fact for name, fact in described.items() if fact is not None}


def work_log(*, service: str, namespace: str) -> Callable[[MessageRecord], None]:
    """Give what logs what came of work, and writes its metrics, before it returns.

    Metrics have no other dimension than the service, as those of requests.
    """
    metrics = Metrics(namespace=namespace, service=service)

    def keep(worked: MessageRecord) -> None:
        _log.info("job worked on", extra=worked_facts(worked))
        if worked.is_unforeseen and worked.ran.fault is not None:
            job_id = logged_id(worked.message.job_id)
            _log.error("job %s failed: %s", job_id, code_path(worked.ran.fault))
        outcome, job = worked.ran.outcome, worked.ran.job
        metrics.add_metric("Attempts", MetricUnit.Count, int(outcome not in _NO_ATTEMPTS))
        metrics.add_metric("JobsSucceeded", MetricUnit.Count, int(outcome == "succeeded"))
        metrics.add_metric("JobsFailed", MetricUnit.Count, int(outcome == "failed"))
        metrics.add_metric("Failures", MetricUnit.Count, int(worked.is_unforeseen))
        metrics.add_metric("WorkSeconds", MetricUnit.Seconds, worked.seconds)
        if outcome == "succeeded" and job is not None:
            metrics.add_metric("RowsExported", MetricUnit.Count, job.progress.done)
            metrics.add_metric("BytesExported", MetricUnit.Bytes, job.progress.bytes)
        metrics.flush_metrics()

    return keep
