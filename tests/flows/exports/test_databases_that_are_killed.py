"""PostgreSQL killed while it is read, in part or as a whole: the next attempt reads anew."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from tests import postgres_parts
from tests.demo_rows import fill_with_demo
from tests.export_parts import TENANT, ExportHouse, export_house
from tests.long_runs import until
from tests.postgres_parts import PostgresDatabase
from tests.stepped_outputs import Stepped, once

from penstock.local.demo import database_use

MORE = 300_000
NAME = "killed"


@dataclass
class Server:
    """A server of a test's own, to be killed."""

    folder: Path
    string: str

    @property
    def database(self) -> PostgresDatabase:
        """Its one database."""
        return PostgresDatabase(connection_string=self.string)

    def kill_backend(self) -> None:
        """Kill the process that reads; the server ends all others, and recovers."""
        [(pid, *_)] = self.database.fetch(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'"
        )[:1]
        os.kill(int(pid), signal.SIGKILL)

    def kill(self) -> None:
        """Kill the server; its other processes notice that, and end."""
        lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGKILL)

    def start(self) -> None:
        """Start it where it is down, and wait until it takes connections."""
        sockets = database_use.ensure_started(self.folder)
        self.string = psycopg.conninfo.make_conninfo(self.string, host=sockets)

        def answers() -> bool:
            try:
                return self.database.fetch("SELECT 1") == [(1,)]
            except psycopg.OperationalError:
                return False

        until(answers, what="the server takes connections")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = (tmp_path / "postgres").resolve()
    with postgres_parts.running(folder) as running:
        whole = PostgresDatabase(connection_string=running.connection_string())
        whole.execute(f"CREATE DATABASE {NAME}")
        made = Server(folder=folder, string=running.connection_string(NAME))
        fill_with_demo(made.database)
        made.database.execute(
            "ALTER TABLE audit_trail DISABLE TRIGGER append_only",
            "INSERT INTO audit_trail SELECT 1000000 + n, now(), 'a', 'b', 'c', n, NULL, '{}'"
            f" FROM generate_series(1, {MORE}) AS n",
        )
        yield made


@pytest.fixture
def house(tmp_path: Path, server: Server) -> Iterator[ExportHouse]:
    with export_house(tmp_path / "home") as opened:
        opened.databases[TENANT] = server.string
        yield opened


@pytest.mark.parametrize("how", ["one process", "the server", "the server, for a while"])
def test_a_database_that_is_killed_in_mid_read_is_read_anew(
    house: ExportHouse, server: Server, how: str
) -> None:
    expected = [row[0] for row in server.database.fetch("SELECT id FROM audit_trail ORDER BY id")]
    kill: Callable[[], None] = server.kill_backend if how == "one process" else server.kill
    job = house.submit("audit-trail", {}, formats=["csv"])
    outputs = Stepped(house.sources.outputs, once("half written", ".parquet", kill))
    assert house.run(sources=replace(house.sources, outputs=outputs)).outcome == "retried"
    assert house.jobs.files(job) == []
    waiting = house.jobs.latest(job).error
    assert waiting is not None
    assert waiting.retryable
    if how == "the server, for a while":
        # Nobody listens any more.
        assert house.run().outcome == "retried"
    server.start()
    house.databases[TENANT] = server.string
    while (ran := house.run()).outcome == "retried":
        # What was used a moment before isn't looked at: one attempt may fail for it.
        assert house.jobs.latest(job).attempt < 3
    assert ran.outcome == "succeeded", ran.fault
    done = house.jobs.latest(job)
    assert house.table(done)["id"].to_pylist() == expected
    assert house.jobs.files(done) == sorted(["manifest.json", *(a.part for a in done.artifacts)])
