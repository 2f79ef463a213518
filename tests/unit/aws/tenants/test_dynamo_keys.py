from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.aws_tables import fresh_name, make_keys_table
from tests.moving_clock import START, Clock
from tests.stand_ins import StandIn
from tests.unit.aws.watched_client import Watched

from penstock.aws.tenants.keys import DynamoKeys
from penstock.aws.tenants.signing_keys import SsmSigningKeys
from penstock.errors import BusyError, SetupError
from penstock.model.key import ApiKey, new_key


@pytest.fixture
def table(dynamodb: Watched) -> str:
    dynamodb.fails = lambda _: None
    name = fresh_name("keys")
    make_keys_table(dynamodb.client, name=name)
    return name


@pytest.fixture
def keys(dynamodb: Watched, table: str, clock: Clock) -> DynamoKeys:
    dynamodb.counted()
    signing = SsmSigningKeys(client=None, environment="none", seconds=0, now=clock)
    return DynamoKeys(client=dynamodb.client, table=table, signing=signing, now=clock)


def a_key(*, user: str = "ann", tenant: str = "acme") -> ApiKey:
    return new_key(tenant=tenant, user=user, role="reader", created=START)[0]


def items_of(dynamodb: Watched, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dynamodb.client.scan(TableName=table)["Items"]
    return found


def test_a_key_is_found_by_one_consistent_read(keys: DynamoKeys, dynamodb: Watched) -> None:
    key = a_key()
    keys.add(key)
    dynamodb.counted()
    assert keys.find(key.prefix) == key
    assert dynamodb.counted() == ["GetItem"]


@pytest.mark.parametrize(
    "prefix", ["", "short", "UPPERCAS", "user#acme#ann", "abcdefgh\n", "é" * 8]
)
def test_what_cannot_be_a_prefix_costs_no_call(
    keys: DynamoKeys, dynamodb: Watched, prefix: str
) -> None:
    keys.add(a_key())
    dynamodb.counted()
    assert keys.find(prefix) is None
    with pytest.raises(SetupError, match="has no key"):
        keys.revoke("acme", prefix)
    assert dynamodb.counted() == []


def test_no_token_and_no_secret_stands_in_the_table(
    keys: DynamoKeys, dynamodb: Watched, table: str
) -> None:
    key, token = new_key(tenant="acme", user="ann", role="admin", created=START)
    keys.add(key)
    stored = repr(items_of(dynamodb, table))
    assert key.secret_sha256 in stored
    assert token.split("_", 2)[2] not in stored


def test_users_of_like_names_have_two_keys_each(keys: DynamoKeys) -> None:
    users = ["ann", "ann#", "#ann", "Ann", "", "a" * 1000, "é", "acme#ann"]
    for user in users:
        keys.add(a_key(user=user))
        keys.add(a_key(user=user))
        with pytest.raises(SetupError, match="revoke one first"):
            keys.add(a_key(user=user))
    assert len(keys.list("acme")) == 2 * len(users)


def test_a_user_too_long_to_be_stored_is_refused(keys: DynamoKeys) -> None:
    with pytest.raises(SetupError, match="1,000"):
        keys.add(a_key(user="é" * 501))


def test_more_keys_than_one_answer_holds_are_all_listed(
    keys: DynamoKeys, dynamodb: Watched
) -> None:
    for number in range(7):
        keys.add(a_key(user=f"u{number}"))

    def three_at_once(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = 3

    event = "provide-client-params.dynamodb.Query"
    dynamodb.client.meta.events.register(event, three_at_once)
    dynamodb.counted()
    listed = keys.list("acme")
    dynamodb.client.meta.events.unregister(event, three_at_once)
    assert sorted(key.user for key in listed) == [f"u{number}" for number in range(7)]
    assert dynamodb.counted() == ["Query"] * 3


def test_who_loses_a_race_begins_again_and_the_rule_holds(
    keys: DynamoKeys, dynamodb: Watched, table: str, clock: Clock
) -> None:
    rival = DynamoKeys(
        client=StandIn(endpoint=dynamodb.client.meta.endpoint_url).client("dynamodb"),
        table=table,
        signing=SsmSigningKeys(client=None, environment="none", seconds=0, now=clock),
        now=clock,
    )
    rivals = [a_key(), a_key()]

    def overtaken(call: str) -> None:
        if call == "TransactWriteItems" and rivals:
            rival.add(rivals.pop())

    dynamodb.fails = overtaken
    with pytest.raises(SetupError, match="revoke one first"):
        keys.add(a_key())
    assert len(keys.list("acme")) == 2


def test_who_loses_every_race_is_told_to_try_again(keys: DynamoKeys, dynamodb: Watched) -> None:
    dynamodb.fails = lambda call: (
        "TransactionCanceledException" if call == "TransactWriteItems" else None
    )
    with pytest.raises(BusyError, match="ann"):
        keys.add(a_key())


def test_the_first_time_of_a_revocation_stands(
    keys: DynamoKeys, dynamodb: Watched, table: str, clock: Clock
) -> None:
    key = a_key()
    keys.add(key)
    earlier = START + timedelta(minutes=1)

    def overtaken(call: str) -> None:
        if call == "UpdateItem":
            dynamodb.fails = lambda _: None
            dynamodb.client.update_item(
                TableName=table,
                Key={"prefix": {"S": key.prefix}},
                UpdateExpression="SET revoked = :then",
                ExpressionAttributeValues={":then": {"S": earlier.isoformat()}},
            )

    dynamodb.fails = overtaken
    clock.time = START + timedelta(minutes=2)
    assert keys.revoke("acme", key.prefix).revoked == earlier


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_table_that_cannot_be_used_is_busy_and_told_without_its_name(
    keys: DynamoKeys, dynamodb: Watched, table: str, code: str
) -> None:
    key = a_key()
    dynamodb.fails = lambda _: code
    uses: list[Callable[[], object]] = [
        lambda: keys.find(key.prefix),
        lambda: keys.add(key),
        lambda: keys.list("acme"),
        lambda: keys.revoke("acme", key.prefix),
    ]
    for use in uses:
        with pytest.raises(BusyError) as raised:
            use()
        assert table not in raised.value.detail
