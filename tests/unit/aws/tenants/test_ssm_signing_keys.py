import json
from datetime import timedelta

import pytest
from tests.aws_tables import fresh_name
from tests.moving_clock import START, Clock
from tests.stand_ins import StandIn
from tests.unit.aws.watched_client import Watched

from penstock.aws.tenants.signing_keys import SsmSigningKeys
from penstock.errors import BusyError, SetupError

MINUTE = timedelta(seconds=60)


@pytest.fixture(scope="module")
def ssm(aws_server: StandIn) -> Watched:
    return Watched(aws_server, "ssm")


@pytest.fixture
def environment(ssm: Watched) -> str:
    ssm.fails = lambda _: None
    ssm.counted()
    return fresh_name("t")


@pytest.fixture
def signing(ssm: Watched, environment: str, clock: Clock) -> SsmSigningKeys:
    return SsmSigningKeys(client=ssm.client, environment=environment, seconds=60, now=clock)


def test_a_tenants_keys_cost_one_call_for_their_time(
    signing: SsmSigningKeys, ssm: Watched, clock: Clock
) -> None:
    made = signing.signing_keys("acme")
    ssm.counted()
    assert signing.signing_keys("acme") == made
    assert ssm.counted() == []
    clock.time = START + MINUTE
    assert signing.signing_keys("acme") == made
    assert ssm.counted() == ["GetParametersByPath"]


def test_a_key_is_stored_encrypted_and_its_id_can_stand_in_a_url(
    signing: SsmSigningKeys, ssm: Watched, environment: str
) -> None:
    (key,) = signing.signing_keys("acme")
    assert key.id.isalnum()
    name = f"/penstock/{environment}/tenants/acme/signing-keys/{key.id}"
    (stored,) = ssm.client.get_parameters(Names=[name])["Parameters"]
    assert stored["Type"] == "SecureString"
    plain = ssm.client.get_parameters(Names=[name], WithDecryption=True)["Parameters"][0]
    assert json.loads(plain["Value"]).keys() == {"secret", "made"}
    assert "secret" not in repr(key)


def test_the_accounts_own_key_for_parameters_encrypts(
    signing: SsmSigningKeys, ssm: Watched, environment: str
) -> None:
    (key,) = signing.signing_keys("acme")
    filters = [
        {"Key": "Name", "Values": [f"/penstock/{environment}/tenants/acme/signing-keys/{key.id}"]}
    ]
    (described,) = ssm.client.describe_parameters(ParameterFilters=filters)["Parameters"]
    assert described["KeyId"] == "alias/aws/ssm"


def test_a_new_key_signs_once_every_process_knows_it(
    signing: SsmSigningKeys, ssm: Watched, environment: str, clock: Clock
) -> None:
    (first,) = signing.signing_keys("acme")
    clock.time = START + timedelta(days=30)
    second = signing.rotate_signing_key("acme")
    assert signing.signing_keys("acme") == (first, second)
    clock.time += MINUTE
    assert signing.signing_keys("acme") == (second, first)
    elsewhere = SsmSigningKeys(client=ssm.client, environment=environment, seconds=60, now=clock)
    assert elsewhere.signing_keys("acme") == (second, first)


def test_rotating_keeps_the_newest_two(signing: SsmSigningKeys, clock: Clock) -> None:
    signing.signing_keys("acme")
    for _ in range(11):
        clock.time += MINUTE
        before = signing.rotate_signing_key("acme")
    clock.time += MINUTE
    newest = signing.rotate_signing_key("acme")
    clock.time += MINUTE
    assert signing.signing_keys("acme") == (newest, before)


def test_rotating_first_makes_a_key(signing: SsmSigningKeys) -> None:
    key = signing.rotate_signing_key("acme")
    assert signing.signing_keys("acme") == (key,)


def test_rotating_one_tenants_key_leaves_the_others(signing: SsmSigningKeys) -> None:
    before = signing.signing_keys("river")
    signing.rotate_signing_key("acme")
    assert signing.signing_keys("river") == before


def test_a_failing_store_leaves_what_is_remembered_and_nothing_else(
    signing: SsmSigningKeys, ssm: Watched, clock: Clock
) -> None:
    made = signing.signing_keys("acme")
    ssm.fails = lambda _: "ThrottlingException"
    assert signing.signing_keys("acme") == made
    clock.time = START + MINUTE
    with pytest.raises(BusyError) as raised:
        signing.signing_keys("acme")
    assert "penstock/" not in raised.value.detail
    ssm.fails = lambda _: None
    assert signing.signing_keys("acme") == made


def test_a_key_that_is_not_seen_at_once_is_looked_for_again(
    signing: SsmSigningKeys, ssm: Watched
) -> None:
    unseen = ["GetParameter", "GetParameter"]

    def fails(call: str) -> str | None:
        if call in unseen:
            unseen.remove(call)
            return "ParameterNotFound"
        return None

    ssm.fails = fails
    assert len(signing.signing_keys("acme")) == 1
    assert unseen == []


@pytest.mark.parametrize("tenant", ["", "../acme", "acme/signing-keys", "A"])
def test_what_is_no_tenants_id_has_no_keys(
    signing: SsmSigningKeys, ssm: Watched, tenant: str
) -> None:
    for ask in (signing.signing_keys, signing.rotate_signing_key):
        with pytest.raises(SetupError):
            ask(tenant)
    assert ssm.counted() == []
