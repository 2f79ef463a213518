"""Sockets of a real service that break at random, within messages too: nothing is lost."""

import json
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from tests.flows.killed_jobs import KilledJobs, Wish, killed_jobs
from tests.flows.killed_service import KilledService, killed_service
from tests.flows.tcp_proxy import TcpProxy, tcp_proxy
from tests.flows.tenant_homes import add_tenant, store
from tests.long_runs import Account, amount, seed, until
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.sync.client import ClientConnection, connect

from penstock.model.tenant import Tenant

PATIENCE_SECONDS = 60
IN_FLIGHT = 3
MOST_JOBS = 45
"""Fewer than a socket may name when it comes back."""
MOST_CUT_BYTES = 3000
WISHES = [
    Wish(type="dataset-slice", params={"dataset": "numbers", "query": ""}, formats=["csv", "json"]),
    Wish(type="dataset-slice", params={"dataset": "numbers", "query": "_sort=-n&_limit=9"}),
]


@dataclass
class Listener:
    """A client that keeps what it heard, and goes on behind it when it comes back."""

    known: dict[str, int] = field(default_factory=dict)
    waters: dict[str, int] = field(default_factory=dict)
    heard: dict[str, list[int]] = field(default_factory=dict)
    reports: int = 0

    def begin(self, job_id: str) -> None:
        """Follow a job from its first event on."""
        self.known[job_id] = 0

    def hear(self, said: str | bytes) -> None:
        """Take an event; one that comes twice, late, or with less done than before is an error."""
        event: dict[str, Any] = json.loads(said)
        job_id, seq = event["job_id"], event["seq"]
        assert seq > self.known.get(job_id, -1), "an event came twice, or late"
        assert event["high_water"] >= self.waters.get(job_id, 0), "progress went back"
        self.known[job_id], self.waters[job_id] = seq, event["high_water"]
        if event["event"] == "job.progress":
            self.reports += 1
        else:
            self.heard.setdefault(job_id, []).append(seq)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[KilledService]:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    numbers = pa.table({"n": range(600_000), "text": [f"row {n}" for n in range(600_000)]})
    store(home, "acme", "numbers", numbers, row_group_rows=20_000)
    rules = {"PENSTOCK_EXPORT_PART_ROWS": "100000"}
    with killed_service(home, tenant="acme", settings=rules) as running:
        yield running


@contextmanager
def connected(
    service: KilledService, proxy: TcpProxy, listener: Listener
) -> Iterator[ClientConnection]:
    """Open a socket through the proxy, with a ticket of its own, behind what was heard."""
    ticket = service.ask("POST", "/v1/events/tickets").json()["ticket"]
    places = "".join(f"&after={job_id}:{seq}" for job_id, seq in listener.known.items())
    address = f"ws://localhost/v1/events?ticket={ticket}{places}"
    with (
        socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_SECONDS) as raw,
        connect(address, sock=raw, open_timeout=PATIENCE_SECONDS, close_timeout=1) as listening,
    ):
        yield listening


@dataclass
class Drops:
    """The ways in which a socket may end without a word."""

    service: KilledService
    proxy: TcpProxy
    chance: random.Random
    counts: dict[str, int] = field(default_factory=dict)

    def once(self, listener: Listener) -> None:
        """Listen for a while, and have the socket end in one of these ways."""
        ways: dict[str, Callable[[Listener], None]] = {
            "by the client": self.by_the_client,
            "on the way": self.on_the_way,
            "within a message": self.within_a_message,
        }
        name = self.chance.choice(sorted(ways))
        ways[name](listener)
        self.counts[name] = self.counts.get(name, 0) + 1

    def by_the_client(self, listener: Listener) -> None:
        """The client's machine goes away."""
        with connected(self.service, self.proxy, listener) as listening:
            self._listen(listening, listener)
            listening.socket.close()

    def on_the_way(self, listener: Listener) -> None:
        """Something between the two goes away."""
        with connected(self.service, self.proxy, listener) as listening:
            self._listen(listening, listener)
            self.proxy.drop()
            self._hear_the_rest(listening, listener)

    def within_a_message(self, listener: Listener) -> None:
        """The connection ends after some bytes, wherever that is, the handshake included."""
        self.proxy.cut_next_after(self.chance.randrange(1, MOST_CUT_BYTES))
        with (
            suppress(InvalidHandshake, InvalidMessage, EOFError, OSError),
            connected(self.service, self.proxy, listener) as listening,
        ):
            self._listen(listening, listener)
            self.proxy.drop()
            self._hear_the_rest(listening, listener)

    def by_death(self, listener: Listener) -> None:
        """The service is killed, and started again."""
        with connected(self.service, self.proxy, listener) as listening:
            self._listen(listening, listener)
            self.service.kill()
            self._hear_the_rest(listening, listener)
        self.service.start()
        self.counts["by death"] = self.counts.get("by death", 0) + 1

    def _listen(self, listening: ClientConnection, listener: Listener) -> None:
        with suppress(ConnectionClosed, TimeoutError):
            for _ in range(self.chance.randrange(6)):
                listener.hear(listening.recv(timeout=self.chance.uniform(0.01, 0.15)))

    def _hear_the_rest(self, listening: ClientConnection, listener: Listener) -> None:
        """Take what had arrived before the end."""
        with suppress(ConnectionClosed):
            while True:
                listener.hear(listening.recv(timeout=PATIENCE_SECONDS))


def drop(killed: KilledJobs, drops: Drops, listener: Listener, *, wanted: int, deaths: int) -> None:
    """Have so many sockets end, while jobs are worked on and further ones are begun."""
    at = set(drops.chance.sample(range(wanted), deaths))
    for number in range(wanted):
        while len(killed.unfinished()) < IN_FLIGHT and len(killed.asked) < MOST_JOBS:
            listener.begin(killed.begin())
        if number in at:
            drops.by_death(listener)
        else:
            drops.once(listener)


def assert_all_heard(killed: KilledJobs, drops: Drops, listener: Listener) -> None:
    """Come back a last time, hear what is left, and compare it with what is replayed."""
    until(lambda: not killed.unfinished(), what="all jobs end")
    told: dict[str, list[int]] = {}
    names: dict[str, list[str]] = {}
    for job_id in killed.asked:
        answer: httpx.Response = killed.service.ask("GET", f"/v1/jobs/{job_id}/events?after_seq=0")
        events = answer.json()["events"]
        told[job_id] = [event["seq"] for event in events]
        names[job_id] = [event["event"] for event in events]
    with connected(killed.service, drops.proxy, listener) as listening:
        while any(listener.known[job_id] < seqs[-1] for job_id, seqs in told.items()):
            listener.hear(listening.recv(timeout=PATIENCE_SECONDS))
    assert listener.heard == told
    for each in names.values():
        assert (each[0], each[-1]) == ("job.accepted", "job.succeeded")


def run(
    service: KilledService, account: Account, *, wanted: int, deaths: int
) -> tuple[Drops, Listener, KilledJobs]:
    chance = account.chance
    with tcp_proxy(service.port) as proxy, killed_jobs(service, WISHES, chance) as killed:
        drops, listener = Drops(service, proxy, chance), Listener()
        drop(killed, drops, listener, wanted=wanted, deaths=deaths)
        assert_all_heard(killed, drops, listener)
    assert sum(drops.counts.values()) == wanted
    return drops, listener, killed


def test_sockets_that_drop_lose_no_event_and_progress_never_goes_back(
    service: KilledService, capfd: pytest.CaptureFixture[str]
) -> None:
    run(service, Account("short run of drops", seed(), capfd), wanted=20, deaths=1)


@pytest.mark.long
def test_sockets_that_drop_a_hundred_times_lose_no_event(
    service: KilledService, capfd: pytest.CaptureFixture[str]
) -> None:
    account = Account("drops of sockets", seed(), capfd)
    wanted = amount("DROPS", usual=100)
    drops, listener, killed = run(service, account, wanted=wanted, deaths=wanted // 20)
    account.figures |= {
        "drops": drops.counts,
        "jobs": len(killed.asked),
        "events": sum(map(len, listener.heard.values())),
        "reports": listener.reports,
    }
    account.tell()
