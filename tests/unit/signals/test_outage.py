"""An outage is said once."""

from penstock.signals.outage import Outage


def test_a_failure_is_said_once_until_it_is_over_and_not_again_at_once() -> None:
    said: list[str] = []
    outage = Outage(said.append, doing="telling")
    for _ in range(100):
        outage.began("TimeoutError")
    for _ in range(100):
        outage.over()
        outage.began("ConnectionRefusedError")
    assert said == ["telling fails (TimeoutError); jobs go on, and are looked for instead."]
