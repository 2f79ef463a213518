"""`penstock tenants` and `penstock keys` as people run them, in a home folder and in a stack."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from tests.aws_tables import client_of, fresh_name, make_keys_table
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import store
from tests.stand_ins import StandIn

from penstock.aws.administration import KEYS_TABLE_PARAMETER
from penstock.aws.tenants.keys import DynamoKeys
from penstock.aws.tenants.signing_keys import SsmSigningKeys
from penstock.aws.tenants.tenants import SsmTenants
from penstock.cli.homes import TenantRegister
from penstock.errors import UnknownHostError
from penstock.local.tenants.tenants import FileTenants
from penstock.model.signature import url_signature_fits
from penstock.model.tenant import Caps, Tenant

ACME = Tenant(
    id="acme",
    hosts=("data.acme.example", "acme.localhost"),
    title="Acme & Söhne",
    caps=Caps(response_bytes=1000, response_rows=20, requests_per_minute=3),
)
ADD_ACME = [
    *("add", "acme", "--host", "data.acme.example", "--host", "acme.localhost"),
    *("--title", "Acme & Söhne", "--response-bytes", "1000", "--response-rows", "20"),
    *("--requests-per-minute", "3"),
]


SET_VISITORS = [
    *("--anonymous-exports", "--anonymous-export-rows", "500", "--anonymous-export-bytes", "9000"),
    *("--anonymous-jobs", "4", "--anonymous-jobs-per-address", "1"),
]
VISITORS = Caps(
    response_bytes=1000,
    response_rows=20,
    requests_per_minute=3,
    anonymous_exports=True,
    anonymous_export_rows=500,
    anonymous_export_bytes=9000,
    anonymous_jobs=4,
    anonymous_jobs_per_address=1,
)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A home that commands work in: the options that name it, and what is to be seen there."""

    options: list[str]
    tenants: TenantRegister
    effect: str
    variables: dict[str, str] = field(default_factory=dict)

    def run(
        self, *arguments: str, group: str = "tenants", answer: str = ""
    ) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.run(
            [sys.executable, "-m", "penstock", group, *arguments, *self.options],
            capture_output=True,
            text=True,
            input=answer,
            timeout=60,
            check=False,
            env=kept | {"NO_COLOR": "1", "COLUMNS": "200"} | self.variables,
        )

    def told(self, *arguments: str, group: str = "tenants") -> str:
        """Run a command that succeeds and give what it prints."""
        ran = self.run(*arguments, group=group)
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout

    def fault(self, *arguments: str, group: str = "tenants") -> str:
        """Run a command that fails and give the one line that says why."""
        ran = self.run(*arguments, group=group)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith("penstock: ")
        assert ran.stderr.count("\n") == 1
        return ran.stderr

    def serves(self, host: str) -> bool:
        try:
            self.tenants.by_host(host)
        except UnknownHostError:
            return False
        return True


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    home = tmp_path / "home"
    return Place(
        options=["--home", str(home)], tenants=FileTenants(home / "tenants.json"), effect="at once"
    )


@pytest.fixture
def stack(aws_server: StandIn) -> Place:
    environment = fresh_name("prod")
    return Place(
        options=["--aws", environment],
        tenants=SsmTenants(
            client=client_of(aws_server, "ssm"), environment=environment, seconds=0, now=now
        ),
        effect="within 60 s",
        variables=aws_server.variables,
    )


@pytest.fixture(params=["folder", "stack"])
def place(request: pytest.FixtureRequest) -> Place:
    place: Place = request.getfixturevalue(request.param)
    return place


def test_what_is_said_of_a_tenant_is_changed_and_the_rest_stays(place: Place) -> None:
    place.told(*ADD_ACME)
    said = place.told("set", "acme", *SET_VISITORS)
    assert "visitors=yes,visitors-rows=500,visitors-bytes=9000,visitors-jobs=4" in said
    assert place.effect in said
    assert place.tenants.by_host("acme.localhost") == replace(ACME, caps=VISITORS)
    assert "visitors-jobs/address=1" in place.told("list")

    place.told("set", "acme", "--title", "", "--host", "acme.localhost", "--host", "acme.example")
    assert place.tenants.by_host("acme.example") == Tenant(
        id="acme", hosts=("acme.localhost", "acme.example"), caps=VISITORS
    )
    assert not place.serves("data.acme.example")
    place.told("add", "river", "--host", "data.acme.example", *SET_VISITORS[:3])
    river = place.tenants.by_host("data.acme.example")
    assert river.caps == Caps(anonymous_exports=True, anonymous_export_rows=500)

    usual = ("response-rows", "anonymous-jobs", "anonymous-export-bytes", "requests-per-minute")
    options = [word for name in usual for word in ("--usual", name)]
    place.told("set", "acme", "--no-anonymous-exports", "--response-bytes", "7", *options)
    assert place.tenants.by_host("acme.example").caps == Caps(
        response_bytes=7, anonymous_export_rows=500, anonymous_jobs_per_address=1
    )


def test_a_change_that_can_not_be_made_changes_nothing(place: Place) -> None:
    place.told(*ADD_ACME)
    place.told("add", "river", "--host", "river.example")
    assert "“nobody”" in place.fault("set", "nobody", "--title", "x")
    taken = place.fault("set", "acme", "--host", "new.example", "--host", "river.example")
    assert "host “river.example” belongs to tenant" in taken
    assert not place.serves("new.example")
    assert "is no cap: there are" in place.fault("set", "acme", "--usual", "rows")
    both = place.fault("set", "acme", "--response-rows", "1", "--usual", "response-rows")
    assert "don't go together" in both
    assert place.run("set", "acme").returncode == 2
    assert place.run("set", "acme", "--response-rows", "0").returncode == 2
    assert place.tenants.by_host("acme.localhost") == ACME
    place.told("add", "brook", "--host", "new.example")


def test_a_disabled_tenant_is_changed_and_stays_disabled(place: Place) -> None:
    place.told(*ADD_ACME)
    place.told("disable", "acme")
    place.told("set", "acme", "--response-rows", "21", "--host", "acme.example")
    assert not place.serves("acme.example")
    place.told("enable", "acme")
    assert place.tenants.by_host("acme.example").caps.response_rows == 21


def test_a_signing_key_is_rotated_and_the_one_before_stays_good(place: Place) -> None:
    place.told(*ADD_ACME)
    keys = [place.told("rotate-signing-key", "acme").split("key ")[1].split()[0] for _ in range(3)]
    assert len(set(keys)) == 3
    signed = place.told("sign", "area", "--tenant", "acme", group="keys")
    # A new key signs at once in a folder, and in a stack once every function knows it.
    assert f"_kid={keys[2 if place.effect == 'at once' else 1]}&" in signed
    assert "There is no tenant “nobody”." in place.fault("rotate-signing-key", "nobody")


def test_a_tenant_is_added_listed_disabled_enabled_and_removed(place: Place) -> None:
    assert "make one with penstock tenants add" in place.told("list")
    added = place.told(*ADD_ACME)
    assert f"acme is served under data.acme.example, acme.localhost {place.effect}" in added
    assert "acme/datasets" in added
    assert place.tenants.by_host("acme.localhost") == ACME
    place.told("add", "river", "--host", "river.example")
    acme, river = place.told("list").splitlines()
    assert acme.split() == [
        *("acme", "enabled", "data.acme.example,acme.localhost"),
        *("bytes=1000,rows=20,requests/min=3", "Acme", "&", "Söhne"),
    ]
    assert river.split() == ["river", "enabled", "river.example", "-"]

    disabled = place.told("disable", "acme")
    assert f"acme is served no more, {place.effect}" in disabled
    assert not place.serves("acme.localhost")
    assert "acme   disabled" in place.told("list")
    assert f"served again {place.effect}" in place.told("enable", "acme")
    assert place.serves("acme.localhost")

    removed = place.told("remove", "acme", "--yes")
    assert "Its datasets, keys and receipts stay stored" in removed
    assert place.effect in removed
    assert not place.serves("acme.localhost")
    assert place.told("list").split() == ["river", "enabled", "river.example", "-"]


def test_removing_asks_first_and_nothing_but_yes_is_yes(place: Place) -> None:
    place.told(*ADD_ACME)
    for answer in ("", "\n"):
        asked = place.run("remove", "acme", answer=answer)
        assert asked.returncode == 1
        assert "stay stored. Remove acme from" in asked.stdout + asked.stderr
        assert place.serves("acme.localhost")
    assert place.run("remove", "acme", answer="y\n").returncode == 0
    assert not place.serves("acme.localhost")


def test_what_cannot_be_done_is_one_clear_line(place: Place) -> None:
    place.told(*ADD_ACME)
    assert "There is a tenant “acme” already" in place.fault(*ADD_ACME).replace(
        "there is", "There is"
    )
    taken = place.fault("add", "river", "--host", "acme.localhost")
    assert "“acme.localhost” belongs to tenant “acme” already" in taken
    shouted = place.fault("add", "river", "--host", "River.example:80")
    assert "write it in lower case, without scheme, port" in shouted
    assert "a letter or digit first" in place.fault("add", "A/B", "--host", "river.example")
    assert "There is no tenant “river”" in place.fault("remove", "river", "--yes")
    assert place.tenants.all() == [ACME]


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "acme"],
        ["add", "--host", "a.example"],
        ["add", "acme", "--host", "a.example", "--response-rows", "0"],
        ["remove"],
        ["rename", "acme"],
    ],
)
def test_what_is_asked_wrongly_is_a_usage_error(folder: Place, arguments: list[str]) -> None:
    ran = folder.run(*arguments)
    assert ran.returncode == 2
    assert "Usage" in ran.stderr
    assert "Traceback" not in ran.stderr


def served(service: Service, host: str) -> int:
    return httpx.get(f"{service.url}/area.csv", headers={"host": host}).status_code


@pytest.fixture
def service(folder: Place) -> Iterator[Service]:
    home = Path(folder.options[1])
    with serving(None, home=home) as running:
        yield running


def test_a_running_service_follows_at_once(folder: Place, service: Service) -> None:
    folder.told("add", "acme", "--host", "data.acme.example")
    store(Path(folder.options[1]), "acme", "area", pa.table({"n": [1]}))
    assert served(service, "data.acme.example") == 200
    folder.told("disable", "acme")
    assert served(service, "data.acme.example") == 404
    folder.told("remove", "acme", "--yes")
    folder.told("add", "heir", "--host", "data.acme.example")
    assert served(service, "data.acme.example") == 404


def test_a_stacks_keys_are_made_listed_and_revoked(stack: Place, aws_server: StandIn) -> None:
    ssm, dynamodb = client_of(aws_server, "ssm"), client_of(aws_server, "dynamodb")
    environment = stack.options[1]
    make_keys_table(dynamodb, name=environment)
    stack.told(*ADD_ACME)
    unnamed = stack.fault("add", "--tenant", "acme", "--user", "ann", group="keys")
    assert f"There is no parameter /penstock/{environment}/{KEYS_TABLE_PARAMETER}" in unnamed
    assert "--table" in unnamed
    named = ("--table", environment)
    token = stack.told("add", "--tenant", "acme", "--user", "ann", *named, group="keys").strip()
    ssm.put_parameter(
        Name=f"/penstock/{environment}/{KEYS_TABLE_PARAMETER}", Value=environment, Type="String"
    )
    signing = SsmSigningKeys(client=ssm, environment=environment, seconds=60, now=now)
    keys = DynamoKeys(client=dynamodb, table=environment, signing=signing, now=now)
    prefix = token.split("_")[1]
    key = keys.find(prefix)
    assert key is not None
    assert key.opens_with(token)
    assert key.is_live(now())
    listed = stack.told("list", "--tenant", "acme", group="keys")
    assert listed.startswith(prefix)
    assert listed.endswith("live  ann\n")
    assert token.split("_", 2)[2] not in listed
    stack.told("revoke", prefix, "--tenant", "acme", group="keys")
    dead = keys.find(prefix)
    assert dead is not None
    assert not dead.is_live(now())
    assert "There is no tenant “river”" in stack.fault("list", "--tenant", "river", group="keys")
    wrong = stack.fault("list", "--tenant", "acme", "--table", f"{environment}-x", group="keys")
    assert "check --table" in wrong


def test_a_stacks_signed_url_is_one_of_its_functions(stack: Place, aws_server: StandIn) -> None:
    stack.told(*ADD_ACME)
    signed = stack.told("sign", "area", "--tenant", "acme", "--minutes", "5", group="keys")
    claim = dict(pair.split("=") for pair in signed.strip().split("&"))
    (key,) = SsmSigningKeys(
        client=client_of(aws_server, "ssm"), environment=stack.options[1], seconds=60, now=now
    ).signing_keys("acme")
    assert claim["_kid"] == key.id
    assert url_signature_fits(
        key, claim["_sig"], tenant="acme", path="/area", expires=int(claim["_expires"])
    )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"AWS_REGION": ""}, "set AWS_REGION"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "set AWS_PROFILE"),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
    ],
)
def test_what_keeps_a_command_from_aws_is_one_clear_line(
    stack: Place, tmp_path: Path, changed: dict[str, str], told: str
) -> None:
    nothing = {"AWS_CONFIG_FILE": str(tmp_path / "c"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path)}
    variables = stack.variables | nothing | changed
    set_ones = {name: value for name, value in variables.items() if value}
    place = Place(
        options=stack.options, tenants=stack.tenants, effect=stack.effect, variables=set_ones
    )
    assert told in place.fault("list")


def test_an_environment_that_is_no_name_is_refused(stack: Place) -> None:
    odd = Place(
        options=["--aws", "../prod"],
        tenants=stack.tenants,
        effect=stack.effect,
        variables=stack.variables,
    )
    assert "no environment's name" in odd.fault("list")


def test_two_homes_at_once_are_refused(folder: Place) -> None:
    assert "leave one of them out" in folder.fault("list", "--aws", "prod")


def test_without_the_part_for_aws_the_command_says_how_to_get_it() -> None:
    script = (
        "import sys; sys.modules['botocore'] = None\n"
        "sys.argv = ['penstock', 'tenants', 'list', '--aws', 'prod']\n"
        "from penstock.cli import main; main()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 1
    assert "penstock[aws]" in ran.stderr
    assert ran.stderr.count("\n") == 1
