"""A home with a Redis: services, workers and sockets of several processes tell each other."""

import json
import socket as sockets
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.flows.job_service import HOSTS, Jobs, job_service
from tests.flows.service import serving
from tests.redis_parts import PATIENCE_SECONDS, RedisServer, hanging_server, redis_server
from websockets.sync.client import connect

from penstock.errors import SetupError
from penstock.jobs.run import RunOutcome, run
from penstock.local.compose_work import compose_work
from penstock.local.installation import installation_of
from penstock.local.jobs.signals import local_signals
from penstock.local.opened_store import ServedPath
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.job import SIZES
from penstock.settings import Settings

NEVER_SECONDS = 3600.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as running:
        yield running


def cancelled_by_hint(jobs: Jobs, url: str) -> str:
    """Have a worker of its own composition work on a job that is cancelled over HTTP."""
    begun = threading.Event()

    def patient(attempt: Attempt) -> tuple[Artifact, ...]:
        begun.set()
        for _ in range(PATIENCE_SECONDS * 100):
            if attempt.is_over():
                attempt.progress(1)  # raises why
            threading.Event().wait(0.01)
        return ()

    settings = Settings(home=jobs.home, redis_url=url, job_heartbeat_seconds=NEVER_SECONDS)
    served = ServedPath(path=None, demo=False)
    key = jobs.key()
    job = jobs.begin(key)
    came: list[RunOutcome] = []
    with compose_work(settings, served, is_stopping=lambda: False) as (worker, queue):
        received = queue.receive(SIZES, visible_seconds=60)
        assert received is not None
        own = replace(worker, works={"export": patient})
        thread = threading.Thread(target=lambda: came.append(run(own, received.message)))
        thread.start()
        assert begun.wait(PATIENCE_SECONDS)
        answer = jobs.ask("POST", f"/v1/jobs/{job['id']}/cancel", key=key)
        assert answer.status_code == 202
        thread.join(PATIENCE_SECONDS + 10)
        assert not thread.is_alive()
        queue.done(received)
    return came[0].outcome


def test_a_worker_hears_of_a_cancel_over_http(tmp_path: Path, server: RedisServer) -> None:
    with job_service(tmp_path, redis_url=server.url) as jobs:
        assert cancelled_by_hint(jobs, server.url) == "cancelled"


def test_a_socket_of_one_service_hears_of_the_jobs_of_another(
    tmp_path: Path, server: RedisServer
) -> None:
    with (
        job_service(tmp_path, redis_url=server.url) as jobs,
        serving(None, home=jobs.home, workers=0, redis_url=server.url) as other,
        httpx.Client(base_url=other.url, timeout=PATIENCE_SECONDS) as client,
    ):
        headers = {"host": HOSTS["acme"], "x-api-key": jobs.key()}
        ticket = client.post("/v1/events/tickets", headers=headers).json()["ticket"]
        place = ("localhost", other.port)
        address = f"ws://localhost:{other.port}/v1/events?ticket={ticket}"
        with connect(address, sock=sockets.create_connection(place)) as listening:
            job = jobs.begin(jobs.key())
            jobs.work()
            names: list[Any] = []
            while "job.succeeded" not in names:
                event = json.loads(listening.recv(timeout=PATIENCE_SECONDS))
                assert event["job_id"] == job["id"]
                names.append(event["event"])
    assert [name for name in names if name != "job.progress"] == [
        "job.accepted",
        "job.started",
        "job.succeeded",
    ]


def test_a_redis_that_hangs_is_noticed_by_nobody_who_asks(tmp_path: Path) -> None:
    with hanging_server() as url, job_service(tmp_path, redis_url=url) as jobs:
        for _ in range(3):
            assert jobs.finished(jobs.key())["downloads"]
        job = jobs.begin(jobs.key())
        answer = jobs.ask("POST", f"/v1/jobs/{job['id']}/cancel", key=jobs.key())
        assert (answer.status_code, answer.json()["state"]) == (202, "CANCELLED")
        assert jobs.ask("DELETE", f"/v1/jobs/{job['id']}", key=jobs.key()).status_code == 204


def test_a_home_has_one_name_for_all_its_processes_and_no_other_home_has_it(
    tmp_path: Path,
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.append(installation_of(one))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(names) == 16
    assert {installation_of(one)} == set(names)
    assert installation_of(other) not in names
    (one / "installation.txt").write_text("mine")
    with pytest.raises(SetupError):
        installation_of(one)


@pytest.mark.parametrize("url", ["redis://", "http://p4ss@host", "redis://h?ssl_cert_reqs=none"])
def test_a_url_that_is_none_is_told_at_the_start_and_not_shown(tmp_path: Path, url: str) -> None:
    settings = Settings(home=tmp_path, redis_url=url)
    with pytest.raises(SetupError) as raised, local_signals(settings, tmp_path):
        pass
    assert "p4ss" not in raised.value.detail
    assert "p4ss" not in repr(settings)
