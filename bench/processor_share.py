"""A share of the processor, as Lambda gives one to a memory setting, had by a control group."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MEGABYTES_A_PROCESSOR = 1769
_PERIOD_MICROSECONDS = 20_000
_GROUPS = Path("/sys/fs/cgroup")
_ENTER = ("sh", "-c", 'echo $$ > "$1" || exit 1; shift; exec "$@"', "entered")


def processors(megabytes: int) -> float:
    """Give the share that Lambda gives this memory: 1 is a whole processor."""
    return megabytes / MEGABYTES_A_PROCESSOR


@contextmanager
def share(wanted: float) -> Iterator[tuple[str, ...] | None]:
    """Give what a command begins with to have no more of the processors than this, for the body.

    None where no control group can be made: this wants Linux, and its superuser. The share holds
    over periods of 20 ms: what is used up early is waited for.
    """
    group = _group()
    if group is None:
        yield None
        return
    quota = round(wanted * _PERIOD_MICROSECONDS)
    try:
        if (group / "cpu.max").exists():
            (group / "cpu.max").write_text(f"{quota} {_PERIOD_MICROSECONDS}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        yield (*_ENTER, str(group / "cgroup.procs"))
    finally:
        group.rmdir()


def _group() -> Path | None:
    """Make a group of the second or the first generation of control groups, where one may."""
    for parent in (_GROUPS, _GROUPS / "cpu"):
        group = parent / "penstock-bench"
        try:
            group.mkdir(exist_ok=True)
        except OSError:
            continue
        if any((group / name).exists() for name in ("cpu.max", "cpu.cfs_quota_us")):
            return group
        group.rmdir()
    return None
