"""`/v1/events`: who may listen, what is heard, and that nothing is lost on the way."""

import json
import random
import socket as sockets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from tests.flows.job_service import HOSTS, Jobs, job_service
from tests.flows.job_steps import Worker, through, working_in
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from penstock.model.job_id import new_job_id

PATIENCE_SECONDS = 30
DROPS = 100


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with job_service(tmp_path_factory.mktemp("sockets"), requests_per_minute=0) as running:
        yield running


@pytest.fixture(scope="module")
def worker(jobs: Jobs) -> Iterator[Worker]:
    with working_in(jobs.home) as steps:
        yield steps


def ticket(jobs: Jobs, user: str = "ada", **who: Any) -> str:
    key = jobs.key(user, **who)
    answer = jobs.ask("POST", "/v1/events/tickets", key=key, tenant=who.get("tenant", "acme"))
    assert answer.status_code == 201
    assert answer.json()["expires_in"] == 30
    given: str = answer.json()["ticket"]
    return given


def url(
    jobs: Jobs, ticket_text: str, *, after: dict[str, int] | None = None, host: str = "localhost"
) -> str:
    places = "".join(f"&after={job}:{seq}" for job, seq in (after or {}).items())
    return f"ws://{host}:{jobs.service.port}/v1/events?ticket={ticket_text}{places}"


@contextmanager
def opened(
    jobs: Jobs, user: str = "ada", *, after: dict[str, int] | None = None, **who: Any
) -> Iterator[ClientConnection]:
    host = HOSTS[who.get("tenant", "acme")]
    place = ("localhost", jobs.service.port)
    address = url(jobs, ticket(jobs, user, **who), after=after, host=host)
    with connect(address, sock=sockets.create_connection(place)) as listening:
        yield listening


def heard(listening: ClientConnection, job_id: str, last: str = "job.succeeded") -> list[Any]:
    """Listen until the last event of a job; give all that was heard of it."""
    found = []
    while True:
        event = json.loads(listening.recv(timeout=PATIENCE_SECONDS))
        if event["job_id"] == job_id:
            found.append(event)
            if event["event"] == last:
                return found


def refusal(address: str, **given: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as raised, connect(address, **given):
        pass
    response = raised.value.response
    assert response.body is not None
    return response.status_code, json.loads(bytes(response.body))["type"].rpartition(":")[2]


def test_a_job_is_heard_of_from_its_first_event_to_its_last(jobs: Jobs, worker: Worker) -> None:
    with opened(jobs) as listening:
        job = worker.begin()
        through(worker, job)
        events = heard(listening, job.id)
    names = [event["event"] for event in events]
    assert [name for name in names if name != "job.progress"] == [
        "job.accepted",
        "job.started",
        "job.started",
        "job.succeeded",
    ]
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))
    waters = [event["high_water"] for event in events]
    assert waters == sorted(waters)


def test_events_are_those_of_the_replay(jobs: Jobs, worker: Worker) -> None:
    with opened(jobs) as listening:
        job = worker.begin()
        through(worker, job)
        events = heard(listening, job.id)
    replayed = jobs.ask("GET", f"/v1/jobs/{job.id}/events", key=jobs.key()).json()["events"]
    assert [event for event in events if event["event"] != "job.progress"] == replayed


def test_nobody_hears_of_the_jobs_of_others(jobs: Jobs, worker: Worker) -> None:
    with (
        opened(jobs, "eve") as eve,
        opened(jobs, "root", role="admin") as admin,
        opened(jobs, "root", role="admin", tenant="other") as elsewhere,
    ):
        adas, visitors = worker.begin(), worker.begin(user="anonymous")
        theirs = worker.begin(tenant="other", user="oscar")
        eves = worker.begin(user="eve")
        for job in (adas, visitors, theirs, eves):
            through(worker, job)
        assert {event["job_id"] for event in all_until(eve, eves.id)} == {eves.id}
        heard_of = {event["job_id"] for event in all_until(admin, eves.id)}
        assert {adas.id, eves.id} <= heard_of
        assert not {visitors.id, theirs.id} & heard_of
        assert {event["job_id"] for event in all_until(elsewhere, theirs.id)} == {theirs.id}


def all_until(listening: ClientConnection, job_id: str) -> list[Any]:
    found = []
    while True:
        event = json.loads(listening.recv(timeout=PATIENCE_SECONDS))
        found.append(event)
        if (event["job_id"], event["event"]) == (job_id, "job.succeeded"):
            return found


def test_a_ticket_opens_one_socket_of_its_tenant_and_no_other(jobs: Jobs) -> None:
    given = ticket(jobs)
    with connect(url(jobs, given)):
        pass
    assert refusal(url(jobs, given)) == (401, "bad-ticket")
    for bad in ("", "x", given[:-1], jobs.key()):
        assert refusal(url(jobs, bad)) == (401, "bad-ticket")
    theirs = ticket(jobs, "eve", tenant="other")
    assert refusal(url(jobs, theirs)) == (401, "bad-ticket")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("ticket=a&ticket=b", "repeated-parameter"),
        ("tickt=a", "unknown-parameter"),
        ("ticket=a&after=x:1", "bad-value"),
        ("ticket=a&after=01JD3B6Z8Y5V9TQ0RXK2N4M7PC:-1", "bad-value"),
    ],
)
def test_what_can_not_be_asked_of_a_socket_is_a_problem(jobs: Jobs, query: str, said: str) -> None:
    address = f"ws://localhost:{jobs.service.port}/v1/events?{query}"
    assert refusal(address) == (400, said)


def test_other_paths_and_hosts_have_no_socket(jobs: Jobs) -> None:
    base = f"ws://localhost:{jobs.service.port}"
    for path in ("/", "/v1/jobs", "/v1/events/", "/area.csv"):
        assert refusal(f"{base}{path}") == (404, "unknown-path")
    status, said = refusal(
        f"ws://nobody.example:{jobs.service.port}/v1/events",
        sock=sockets.create_connection(("localhost", jobs.service.port)),
    )
    assert (status, said) == (404, "unknown-host")
    assert jobs.client.get("/v1/events", headers={"host": "localhost"}).status_code == 404


def test_a_target_with_a_host_of_its_own_opens_nothing(jobs: Jobs) -> None:
    head = (
        f"GET http://other.localhost/v1/events?ticket={ticket(jobs)} HTTP/1.1\r\n"
        "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with sockets.create_connection(("localhost", jobs.service.port)) as raw:
        raw.settimeout(PATIENCE_SECONDS)
        raw.sendall(head.encode())
        status = raw.recv(65_536).split()[1]
    assert status in {b"400", b"403", b"404"}


def test_a_user_has_few_sockets_at_once(jobs: Jobs) -> None:
    with ExitStack() as many:
        for _ in range(10):
            many.enter_context(opened(jobs, "crowd"))
        assert refusal(url(jobs, ticket(jobs, "crowd"))) == (429, "too-many-at-once")
        with opened(jobs, "alone"):
            pass
    with opened(jobs, "crowd"):
        pass


def test_a_client_that_was_away_gets_what_it_missed_and_then_what_comes(
    jobs: Jobs, worker: Worker
) -> None:
    missed, running = worker.begin(), worker.begin()
    theirs = worker.begin(user="eve")
    through(worker, missed)
    worker.start(running)
    worker.report(running, 40)
    after = {missed.id: 1, running.id: 1, theirs.id: 0, new_job_id(): 0}
    with opened(jobs, after=after) as listening:
        worker.report(running, 60)
        worker.succeed(running)
        events = heard(listening, running.id)
        assert json.dumps(events).count("job.started") == 1
        assert [e["seq"] for e in events] == sorted({e["seq"] for e in events})
        assert events[-1]["event"] == "job.succeeded"
    with opened(jobs, after=after) as listening:
        assert [event["event"] for event in heard(listening, missed.id)] == [
            "job.started",
            "job.started",
            "job.succeeded",
        ]


class Listener:
    """A client that keeps what it heard, and what it knows of each job."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.waters: dict[str, int] = {}
        self.heard: dict[str, list[int]] = {}

    def hear(self, said: str | bytes) -> None:
        event = json.loads(said)
        job_id, seq = event["job_id"], event["seq"]
        assert seq > self.known.get(job_id, -1), "an event came twice, or late"
        assert event["high_water"] >= self.waters.get(job_id, 0), "progress went back"
        self.known[job_id], self.waters[job_id] = seq, event["high_water"]
        if event["event"] != "job.progress":
            self.heard.setdefault(job_id, []).append(seq)


def test_a_hundred_drops_lose_no_event_and_progress_never_goes_back(
    jobs: Jobs, worker: Worker
) -> None:
    chance = random.Random(11)
    listener = Listener()
    begun = [worker.begin(user="dora").id for _ in range(20)]
    listener.known = dict.fromkeys(begun, 1)
    ended = threading.Event()

    def run() -> None:
        with working_in(jobs.home) as steps:
            for job_id in begun:
                through(steps, steps.ports.store.get("acme", job_id), reports=4)
        ended.set()

    working = threading.Thread(target=run)
    working.start()
    drops = 0
    try:
        while drops < DROPS or not ended.is_set():
            drops += 1
            with opened(jobs, "dora", after=listener.known) as listening:
                for _ in range(chance.randrange(4)):
                    with suppress(TimeoutError):
                        listener.hear(listening.recv(timeout=0.05))
                # Without a word, in the midst of whatever is under way.
                listening.socket.close()
    finally:
        working.join()
    key = jobs.key("dora")
    told = {}
    for job_id in begun:
        events = jobs.ask("GET", f"/v1/jobs/{job_id}/events", key=key).json()["events"]
        told[job_id] = [event["seq"] for event in events if event["seq"] > 1]
    with opened(jobs, "dora", after=listener.known) as listening:
        while any(listener.known[job_id] < told[job_id][-1] for job_id in begun):
            listener.hear(listening.recv(timeout=PATIENCE_SECONDS))
    assert listener.heard == told


def test_a_long_message_of_a_client_ends_its_socket(jobs: Jobs) -> None:
    with opened(jobs) as listening:
        listening.send("x")
        listening.send("y" * 5_000)
        with pytest.raises(ConnectionClosed) as raised:
            listening.recv(timeout=PATIENCE_SECONDS)
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1009


def test_the_service_ends_with_its_sockets_open(tmp_path: Any) -> None:
    with ExitStack() as clients:
        with job_service(tmp_path) as jobs:
            listening = clients.enter_context(opened(jobs))
        with pytest.raises(ConnectionClosed) as raised:
            listening.recv(timeout=PATIENCE_SECONDS)
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1012
