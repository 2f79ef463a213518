"""`penstock keys` as people run it: a process that makes, lists, revokes and signs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_tenant, store

from penstock.model.tenant import Tenant

TOKEN = re.compile(r"pk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("keys") / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    add_tenant(home, Tenant(id="brook", hosts=("brook.example",)))
    rows = pa.table({"n": [1, 2, 3]})
    store(home, "acme", "secret", rows, private=True)
    store(home, "acme", "area", rows)
    return home


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Service]:
    with serving(None, home=home) as running:
        yield running


def penstock_keys(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "penstock", "keys", *arguments, "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
    )


def make(home: Path, *arguments: str, tenant: str = "acme") -> str:
    """Make a key and give its token, which is all that is printed."""
    ran = penstock_keys(home, "add", "--tenant", tenant, *arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert TOKEN.fullmatch(ran.stdout.strip())
    return ran.stdout.strip()


def opens(service: Service, token: str) -> int:
    return httpx.get(f"{service.url}/secret.csv", headers={"x-api-key": token}).status_code


def test_a_key_is_made_listed_and_revoked_while_the_service_runs(
    home: Path, service: Service
) -> None:
    token = make(home, "--user", "ada", "--role", "writer")
    prefix = token.split("_")[1]
    assert opens(service, token) == 200
    listed = penstock_keys(home, "list", "--tenant", "acme").stdout
    (line,) = [line for line in listed.splitlines() if prefix in line]
    assert line.split()[1] == "writer"
    assert line.endswith("live  ada")
    assert token.split("_", 2)[2] not in listed
    revoked = penstock_keys(home, "revoke", prefix, "--tenant", "acme")
    assert revoked.returncode == 0
    assert "revoked" in revoked.stdout
    assert opens(service, token) == 401
    again = penstock_keys(home, "revoke", prefix, "--tenant", "acme")
    assert (again.returncode, again.stdout) == (0, revoked.stdout)


def test_a_user_has_two_live_keys_at_most(home: Path, service: Service) -> None:
    old, new = make(home, "--user", "grace"), make(home, "--user", "grace", "--days", "30")
    assert (opens(service, old), opens(service, new)) == (200, 200)
    third = penstock_keys(home, "add", "--tenant", "acme", "--user", "grace")
    assert third.returncode == 1
    assert third.stdout == ""
    assert third.stderr.startswith("penstock: ")
    assert third.stderr.count("\n") == 1
    assert "revoke one first" in third.stderr
    penstock_keys(home, "revoke", old.split("_")[1], "--tenant", "acme")
    assert opens(service, make(home, "--user", "grace")) == 200
    assert "live until 2" in penstock_keys(home, "list", "--tenant", "acme").stdout


def test_a_key_belongs_to_its_tenant_alone(home: Path, service: Service) -> None:
    token = make(home, "--user", "ada", tenant="brook")
    prefix = token.split("_")[1]
    assert opens(service, token) == 401
    assert prefix not in penstock_keys(home, "list", "--tenant", "acme").stdout
    foreign = penstock_keys(home, "revoke", prefix, "--tenant", "acme")
    assert foreign.returncode == 1
    assert "has no key" in foreign.stderr
    assert " live " in penstock_keys(home, "list", "--tenant", "brook").stdout


def test_a_signed_url_opens_its_dataset_without_a_key(home: Path, service: Service) -> None:
    ran = penstock_keys(home, "sign", "secret", "--tenant", "acme", "--minutes", "5")
    assert (ran.returncode, ran.stderr) == (0, "")
    query = ran.stdout.strip()
    assert re.fullmatch(r"_expires=\d+&_kid=[A-Za-z0-9]+&_sig=[A-Za-z0-9_-]{43}", query)
    for extension in ("csv", "json", "parquet"):
        assert httpx.get(f"{service.url}/secret.{extension}?{query}").status_code == 200
    assert httpx.get(f"{service.url}/secret.csv?n=2&{query}").text == "n\n2\n"
    assert httpx.get(f"{service.url}/secret.csv").status_code == 404
    assert httpx.get(f"{service.url}/area.csv?{query}").status_code == 403
    extended = re.sub(r"_expires=(\d+)", lambda found: f"_expires={int(found[1]) + 60}", query)
    assert httpx.get(f"{service.url}/secret.csv?{extended}").status_code == 403


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "--tenant", "nobody", "--user", "ada"], "There is no tenant “nobody”"),
        (["add", "--tenant", "acme", "--user", "anonymous"], "name another user"),
        (["list", "--tenant", "nobody"], "There is no tenant “nobody”"),
        (["revoke", "abcdefgh", "--tenant", "acme"], "has no key “abcdefgh”"),
        (["revoke", "abcdefgh", "--tenant", "nobody"], "no"),
        (["sign", "secret", "--tenant", "nobody"], "There is no tenant “nobody”"),
        (["sign", "secret.csv", "--tenant", "acme"], "give it without its extension"),
        (["sign", "../secret", "--tenant", "acme"], "is no dataset's name"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(home: Path, arguments: list[str], told: str) -> None:
    ran = penstock_keys(home, *arguments)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("penstock: ")
    assert ran.stderr.count("\n") == 1
    assert told in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "--tenant", "acme"],
        ["add", "--tenant", "acme", "--user", "ada", "--role", "king"],
        ["add", "--tenant", "acme", "--user", "ada", "--days", "0"],
        ["sign", "secret", "--tenant", "acme", "--minutes", "-1"],
    ],
)
def test_what_is_asked_wrongly_is_a_usage_error(home: Path, arguments: list[str]) -> None:
    ran = penstock_keys(home, *arguments)
    assert ran.returncode == 2
    assert "Usage" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_tenant_without_keys_has_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    ran = penstock_keys(home, "list", "--tenant", "acme")
    assert (ran.returncode, ran.stdout) == (0, "acme has no keys.\n")


def test_no_secret_is_stored_and_the_file_is_its_owners_alone(home: Path) -> None:
    secret = make(home, "--user", "hopper").split("_", 2)[2].encode()
    for path in home.glob("penstock.sqlite*"):
        assert secret not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0 or home.stat().st_mode & 0o077 == 0
