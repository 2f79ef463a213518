import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.job_homes import in_threads

from penstock.errors import BusyError, SetupError
from penstock.local.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS note (text TEXT UNIQUE)"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "home" / "p.sqlite", schema=SCHEMA, durable=False)
    yield database
    database.close()


def test_the_files_are_open_to_their_owner_alone(database: Database, tmp_path: Path) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO note VALUES ('a')")
    home = tmp_path / "home"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert {"p.sqlite", "p.sqlite-wal"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_an_open_file_is_closed_to_others_when_it_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    path.touch(mode=0o644)
    Database(path, schema=SCHEMA, durable=False).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_body_that_fails_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(sqlite3.ProgrammingError), database.writing() as connection:
        connection.executemany("INSERT INTO note VALUES (?)", [("a",), ()])
    assert database.rows("SELECT * FROM note") == []
    with database.writing() as connection:
        connection.execute("INSERT INTO note VALUES ('b')")
    assert database.rows("SELECT * FROM note") == [("b",)]


@pytest.mark.parametrize("durable", [True, False])
def test_a_transaction_says_for_itself_alone_whether_it_is_durable(
    tmp_path: Path,
    durable: bool,  # noqa: FBT001 - pytest passes by name
) -> None:
    synchronous = {True: [(2,)], False: [(1,)]}
    with closing(Database(tmp_path / "p.sqlite", schema=SCHEMA, durable=durable)) as database:
        for wanted in (None, not durable, None, durable, not durable, None):
            with database.writing(durable=wanted) as connection:
                found = connection.execute("PRAGMA synchronous").fetchall()
            assert found == synchronous[durable if wanted is None else wanted]


def test_a_full_disk_is_a_busy_error_and_the_database_stays_usable(database: Database) -> None:
    with database.writing() as connection:
        connection.execute("PRAGMA max_page_count = 8")
    with pytest.raises(BusyError), database.writing() as connection:
        connection.execute("INSERT INTO note VALUES (?)", ("x" * 100_000,))
    with database.writing() as connection:
        connection.execute("INSERT INTO note VALUES ('small')")
    assert database.rows("SELECT * FROM note") == [("small",)]


def test_a_broken_rule_of_the_schema_stays_what_it_is(database: Database) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO note VALUES ('a')")
    with pytest.raises(sqlite3.IntegrityError), database.writing() as connection:
        connection.execute("INSERT INTO note VALUES ('a')")


def test_a_file_that_is_no_database_is_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    path.write_bytes(b"no database at all, " * 100)
    with pytest.raises(SetupError, match=r"p\.sqlite") as raised:
        Database(path, schema=SCHEMA, durable=False)
    assert "\n" not in raised.value.detail


def test_a_home_that_cannot_be_made_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(SetupError, match="home"):
        Database(tmp_path / "home" / "p.sqlite", schema=SCHEMA, durable=False)


def test_a_database_damaged_while_open_is_a_setup_error(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    database = Database(path, schema=SCHEMA, durable=False)
    with database.writing() as connection:
        connection.executemany("INSERT INTO note VALUES (?)", [(str(n) * 50,) for n in range(500)])
    database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))
    database = Database(path, schema=SCHEMA, durable=False)
    with pytest.raises(SetupError, match="damaged"):
        database.rows("SELECT * FROM note")
    database.close()


STEPS = (SCHEMA, "ALTER TABLE note ADD COLUMN by TEXT; CREATE INDEX note_by ON note (by)")


def test_a_file_is_brought_up_to_date_and_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    with closing(Database(path, steps=STEPS[:1], durable=True)) as old, old.writing() as connection:
        connection.execute("INSERT INTO note VALUES ('kept')")
    for _ in range(2):
        with closing(Database(path, steps=STEPS, durable=True)) as database:
            assert database.rows("SELECT text, by FROM note") == [("kept", None)]
            assert database.rows("PRAGMA user_version") == [(2,)]


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    Database(path, steps=STEPS, durable=True).close()
    with pytest.raises(SetupError, match="newer version of Penstock") as raised:
        Database(path, steps=STEPS[:1], durable=True)
    assert str(path) in raised.value.detail
    with closing(Database(path, steps=STEPS, durable=True)) as database:
        assert database.rows("SELECT text, by FROM note") == []


def test_a_file_that_can_not_be_brought_up_to_date_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE note (somebody_elses TEXT)")
        other.commit()
    with pytest.raises(SetupError, match="out of the way"):
        Database(
            path, steps=("CREATE TABLE second (a); CREATE INDEX i ON note (text)",), durable=True
        )
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("note",)]
        assert other.execute("PRAGMA user_version").fetchall() == [(0,)]


def test_many_bring_one_file_up_to_date_at_once(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    Database(path, steps=STEPS[:1], durable=True).close()

    def use() -> None:
        Database(path, steps=STEPS, durable=True).close()

    in_threads([use] * 8)
    with closing(Database(path, steps=STEPS, durable=True)) as database:
        assert database.rows("SELECT text, by FROM note") == []


def test_many_open_a_new_database_at_once(tmp_path: Path) -> None:
    begin = threading.Barrier(8)
    failures = []

    def use() -> None:
        begin.wait()
        try:
            Database(tmp_path / "p.sqlite", schema=SCHEMA, durable=True).close()
        except SetupError as error:
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
