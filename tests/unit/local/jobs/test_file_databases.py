"""Connection strings in a file: what it may hold, who may read it, and what errors tell."""

import json
import stat
import traceback
from pathlib import Path

import pytest

from penstock.errors import BusyError, NoDatabaseError, SetupError
from penstock.local.jobs.databases import FileDatabases

ACME = "postgresql://reader:s3cret@db.acme.example/acme?sslmode=verify-full"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "databases.json"


@pytest.fixture
def databases(path: Path) -> FileDatabases:
    return FileDatabases(path)


def test_the_file_is_open_to_its_owner_alone(databases: FileDatabases, path: Path) -> None:
    databases.put("acme", ACME)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(
    databases: FileDatabases, path: Path
) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"databases": {"acme": ACME}}))
    path.chmod(0o644)
    assert databases.connection_string("acme") == ACME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_of_a_windows_editor_is_read(databases: FileDatabases, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"databases": {"acme": ACME}}), encoding="utf-8-sig")
    assert databases.connection_string("acme") == ACME


def test_databases_are_set_replaced_listed_and_removed(databases: FileDatabases) -> None:
    assert databases.tenants() == []
    databases.put("river", "postgresql:///river")
    databases.put("acme", "postgresql:///old")
    databases.put("acme", ACME)
    assert databases.tenants() == ["acme", "river"]
    assert databases.connection_string("acme") == ACME
    databases.remove("acme")
    databases.remove("acme")
    assert databases.tenants() == ["river"]
    with pytest.raises(NoDatabaseError):
        databases.connection_string("acme")


@pytest.mark.parametrize(("tenant", "said"), [("Acme", ACME), ("", ACME), ("acme", "")])
def test_what_cannot_stand_in_the_file_is_refused(
    databases: FileDatabases, tenant: str, said: str
) -> None:
    databases.put("river", "postgresql:///river")
    with pytest.raises(SetupError):
        databases.put(tenant, said)
    assert databases.tenants() == ["river"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"databases": []}',
        '{"databases": {"acme": ["s3cret"]}}',
        '{"databases": {"acme": {"password": "s3cret"}}}',
        '{"databases": {"Bad Name s3cret": "postgresql:///x"}}',
        '{"database": {"acme": "s3cret"}}',
        '{"databases": {"acme": "s3cret',
        "\x00",
    ],
)
def test_a_broken_file_names_no_database_and_no_secret_is_told(path: Path, content: str) -> None:
    databases = FileDatabases(path, demo=lambda _: "postgresql:///demo")
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(BusyError) as looked_up:
        databases.connection_string("acme")
    with pytest.raises(SetupError) as changed:
        databases.put("river", "postgresql:///river")
    for error in (looked_up.value, changed.value):
        assert "s3cret" not in "".join(traceback.format_exception(error))
    assert "\n" not in changed.value.detail
    assert changed.value.detail.startswith(str(path))
    assert path.read_text() == content


def test_a_file_that_cannot_be_read_names_no_database(databases: FileDatabases, path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(BusyError):
        databases.connection_string("acme")
    with pytest.raises(SetupError):
        databases.tenants()


def test_demo_tenants_have_a_database_of_their_own_and_nobody_else(path: Path) -> None:
    demo = {"demo-water": "postgresql:///demo_water"}
    databases = FileDatabases(path, demo=demo.get)
    assert databases.connection_string("demo-water") == "postgresql:///demo_water"
    with pytest.raises(NoDatabaseError):
        databases.connection_string("acme")
    databases.put("demo-water", ACME)
    assert databases.connection_string("demo-water") == ACME


def test_a_demo_database_that_can_not_be_started_just_now_is_told_as_busy(tmp_path: Path) -> None:
    def fails(_tenant: str) -> str | None:
        raise SetupError(f"{tmp_path} is not what it should be.")

    databases = FileDatabases(tmp_path / "databases.json", demo=fails)
    with pytest.raises(BusyError) as raised:
        databases.connection_string("demo")
    assert str(tmp_path) not in raised.value.detail
