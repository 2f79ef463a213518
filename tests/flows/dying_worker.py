"""A worker that kills itself at a chosen call of its ports; one process forks all of them.

Each line of standard input is `HOME CALL MOMENT`: the CALLth call (from 1 on; 0 is none) of the
ports of jobs, `before` or `after` it is made. Each answer is `ended` or `killed`, and the name of
the call.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from penstock.local.compose_work import compose_work
from penstock.local.opened_store import ServedPath
from penstock.local.work import work_off
from penstock.model.job import SIZES
from penstock.ports import JobPorts
from penstock.settings import Settings


class _Dying:
    """A port whose calls are counted, up to the last one."""

    def __init__(self, inner: Any, name: str, count: Callable[[str, str], None]) -> None:
        self._inner = inner
        self._name = name
        self._count = count

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._count(f"{self._name}.{name}", "before")
            answer = method(*args, **kwargs)
            self._count(f"{self._name}.{name}", "after")
            return answer

        return call


def dying(ports: JobPorts, *, at: int, moment: str, told: int) -> JobPorts:
    """Wrap each port; the process ends by SIGKILL at the chosen call, and says which one it was."""
    calls = {"before": 0, "after": 0}

    def count(name: str, now: str) -> None:
        if name.endswith(".report"):
            # The reporter's calls come when they come: the others' numbers stay the same.
            return
        calls[now] += 1
        if now == moment and calls[now] == at:
            os.write(told, f"killed {name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    wrapped: dict[str, Any] = {
        field.name: _Dying(getattr(ports, field.name), field.name, count) for field in fields(ports)
    }
    return replace(ports, **wrapped)


def _work(home: Path, at: int, moment: str, told: int) -> None:
    settings = Settings(home=home, export_part_rows=2000)
    served = ServedPath(path=None, demo=False)
    with compose_work(
        settings,
        served,
        is_stopping=lambda: False,
        adapt=lambda ports: dying(ports, at=at, moment=moment, told=told),
    ) as (worker, queue):
        is_idle: list[bool] = []
        work_off(
            worker,
            queue,
            sizes=SIZES,
            is_ending=lambda: bool(is_idle),
            wait=lambda _: is_idle.append(True),
        )
    os.write(told, b"ended -\n")


def main() -> None:
    """Fork a worker for each line, and wait for its end."""
    for line in sys.stdin:
        home, at, moment = line.rsplit(maxsplit=2)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _work(Path(home), int(at), moment, write)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            said = told.read().strip()
        _, status = os.waitpid(child, 0)
        if not said:
            said = f"died {status}"
        print(said, flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    main()
