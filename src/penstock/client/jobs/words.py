"""Words: a job in a line, for people."""

from collections.abc import Sequence
from datetime import datetime

from penstock.client.jobs.job_view import JobView
from penstock.client.jobs.jobs_api import ListedExportType
from penstock.client.jobs.values import parameters_of

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def progress_of(job: JobView) -> str:
    """Say how far a job is: “12,345 of 20,000 (62 %)”."""
    if job.total:
        share = min(1.0, job.high_water / job.total)
        return f"{job.high_water:,} of {job.total:,} ({share:.0%})"
    return f"{job.high_water:,}" if job.high_water else "-"


def state_of(job: JobView) -> str:
    """Name a job's state, and its phase while it is worked on."""
    if job.state == "RUNNING" and job.phase:
        return f"{job.state} ({job.phase})"
    return f"{job.state} (stalled)" if job.is_stalled and not job.is_over else job.state


def line_of(job: JobView, a_second: float | None = None) -> str:
    """Say in a line how far a job is, and how fast it goes."""
    facts = [state_of(job)]
    if job.high_water:
        facts.append(f"{progress_of(job)} rows")
    if a_second is not None and not job.is_over:
        facts.append(f"{a_second:,.0f} rows/s")
    return f"{job.type} {job.id}: {', '.join(facts)}"


def ending_of(job: JobView) -> str:
    """Say in a line how a job ended."""
    facts = [job.state]
    if job.went_well:
        facts.append(f"{job.high_water:,} rows")
        if job.rejected:
            facts.append(f"{job.rejected:,} of them rejected")
        if job.started is not None and job.ended is not None:
            facts.append(f"{max(0.0, (job.ended - job.started).total_seconds()):.1f} s")
    said = f"{job.type} {job.id}: {', '.join(facts)}"
    return f"{said}: {job.error}" if job.error and not job.went_well else said


def age_of(moment: datetime | None, now: datetime) -> str:
    """Say how long ago a moment is, in its largest unit."""
    if moment is None:
        return "-"
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def columns_of(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lay cells out in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def details_of(job: JobView, now: datetime) -> list[str]:
    """Describe one job in lines of a name and what it is."""
    facts: list[tuple[str, ...]] = [
        ("job", job.id),
        ("type", f"{job.type} ({job.kind})"),
        ("state", state_of(job)),
        ("progress", f"{progress_of(job)} rows"),
        ("attempt", str(job.attempt)),
        ("created", _moment(job.created, now)),
        ("started", _moment(job.started, now)),
        ("ended", _moment(job.ended, now)),
        ("kept until", "-" if job.expires_at is None else job.expires_at.isoformat(" ", "seconds")),
        ("rejected", f"{job.rejected:,}" if job.rejected else "-"),
        ("error", job.error or "-"),
    ]
    params = job.raw.get("params")
    if isinstance(params, dict):
        facts[2:2] = [(f"  {name}", str(value)) for name, value in sorted(params.items())]
    return columns_of([fact for fact in facts if fact[1] != "-"])


def described(listed: list[ListedExportType]) -> list[str]:
    """Describe types of export, each with its parameters below it."""
    lines: list[str] = []
    for kind in listed:
        lines.append(f"{kind.name}: {kind.title}" if kind.title else kind.name)
        rows = [
            (
                f"  --param {each.name}=…",
                each.kind,
                "required" if each.is_required else "",
                each.about,
            )
            for each in parameters_of(kind.schema)
        ]
        lines.extend(columns_of(rows) if rows else [])
    return lines


def _moment(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    return f"{moment.isoformat(' ', 'seconds')} ({age_of(moment, now)} ago)"
