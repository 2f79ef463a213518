"""Who holds a lease is dead only where that is known."""

import subprocess
import sys

import pytest

from penstock.local.jobs.owners import is_dead, is_process, this_owner

TELLING = (
    "from penstock.local.jobs.owners import this_owner; import sys;"
    "print(this_owner(), flush=True); sys.stdin.read()"
)


def test_an_owner_is_dead_once_its_process_has_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TELLING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        owner = process.stdout.readline().strip()
        assert not is_dead(owner)
        assert is_process(owner, process.pid)
        assert not is_process(this_owner(), process.pid)
        process.stdin.close()
        process.wait(60)
        assert is_dead(owner)
        assert not is_process(owner, process.pid)
    assert not is_dead(this_owner())


def dead() -> list[str]:
    """Name the process of this machine and container that ended, in its parts."""
    boot, _, _, namespace = this_owner().split("/")
    return [boot, "4194399", "1", namespace]  # an id above the greatest that Linux gives


def test_the_owner_of_another_container_is_not_known() -> None:
    """Its process ids are others; what is running there may have none here."""
    boot, pid, started, namespace = dead()
    assert is_dead(f"{boot}/{pid}/{started}/{namespace}")
    assert not is_dead(f"{boot}/{pid}/{started}/{int(namespace) + 1}")


@pytest.mark.parametrize("parts", [(0, 1, 2), (0, 1), (0,), ()])
def test_an_owner_that_does_not_tell_its_container_is_not_known(parts: tuple[int, ...]) -> None:
    assert not is_dead("/".join(dead()[part] for part in parts))


@pytest.mark.parametrize("owner", ["", "/", "///", "w1", "another-boot/1/1/1", "lambda-1"])
def test_an_owner_of_elsewhere_is_not_known(owner: str) -> None:
    assert not is_dead(owner)
