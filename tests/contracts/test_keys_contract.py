"""What every adapter of Keys promises."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.aws_tables import client_of, fresh_name, make_keys_table
from tests.moving_clock import START, Clock
from tests.stand_ins import StandIn

from penstock.aws.tenants.keys import DynamoKeys
from penstock.aws.tenants.signing_keys import SsmSigningKeys
from penstock.errors import SetupError
from penstock.local.tenants.keys import SqliteKeys
from penstock.model.key import ApiKey, new_key
from penstock.ports import Keys

Connect = Callable[[], Keys]
"""Each call is another process's view of the same keys."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["dynamo", "sqlite"])
def connect(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Connect]:
    if request.param == "dynamo":
        yield in_dynamo(request.getfixturevalue("aws_server"), clock)
        return
    with ExitStack() as cleanup:
        path = tmp_path / "p.sqlite"
        yield lambda: cleanup.enter_context(closing(SqliteKeys(path, now=clock)))


def in_dynamo(server: StandIn, clock: Clock) -> Connect:
    dynamodb, ssm = client_of(server, "dynamodb"), client_of(server, "ssm")
    name = fresh_name("keys")
    make_keys_table(dynamodb, name=name)

    def connect() -> Keys:
        signing = SsmSigningKeys(client=ssm, environment=name, seconds=60, now=clock)
        return DynamoKeys(client=dynamodb, table=name, signing=signing, now=clock)

    return connect


@pytest.fixture
def keys(connect: Connect) -> Keys:
    return connect()


def a_key(
    *,
    tenant: str = "acme",
    user: str = "ann",
    created: datetime = START,
    expires: datetime | None = None,
) -> ApiKey:
    key, _ = new_key(tenant=tenant, user=user, role="reader", created=created, expires=expires)
    return key


def test_an_added_key_is_found_by_its_prefix_with_all_its_facts(keys: Keys) -> None:
    key = a_key(expires=START + timedelta(days=30))
    keys.add(key)
    assert keys.find(key.prefix) == key


def test_a_token_opens_the_stored_key_and_another_token_does_not(keys: Keys) -> None:
    key, token = new_key(tenant="acme", user="ann", role="writer", created=START)
    keys.add(key)
    stored = keys.find(key.prefix)
    assert stored is not None
    assert stored.opens_with(token)
    assert not stored.opens_with(token[:-1] + ("A" if token[-1] != "A" else "B"))


def test_a_prefix_that_no_key_has_finds_nothing(keys: Keys) -> None:
    keys.add(a_key())
    assert [keys.find(prefix) for prefix in ("", "aaaaaaaa", "%", "' OR 1=1 --")] == [None] * 4


def test_a_tenant_sees_its_own_keys_alone_and_oldest_first(keys: Keys) -> None:
    younger = a_key(created=START + timedelta(hours=1))
    older, other = a_key(), a_key(tenant="river")
    for key in (younger, other, older):
        keys.add(key)
    assert keys.list("acme") == [older, younger]
    assert keys.list("river") == [other]
    assert keys.list("nobody") == []


def test_a_third_live_key_of_one_user_is_refused(keys: Keys) -> None:
    first, second = a_key(), a_key(created=START + timedelta(seconds=1))
    keys.add(first)
    keys.add(second)
    with pytest.raises(SetupError, match=first.prefix):
        keys.add(a_key())
    assert keys.list("acme") == [first, second]


def test_another_user_and_another_tenant_have_two_of_their_own(keys: Keys) -> None:
    for tenant, user in (("acme", "ann"), ("acme", "bob"), ("river", "ann")):
        keys.add(a_key(tenant=tenant, user=user))
        keys.add(a_key(tenant=tenant, user=user))
    assert len(keys.list("acme")) == 4


def test_a_revoked_key_makes_room_for_its_successor(keys: Keys) -> None:
    old, new = a_key(), a_key()
    keys.add(old)
    keys.add(new)
    keys.revoke("acme", old.prefix)
    successor = a_key()
    keys.add(successor)
    live = [key.prefix for key in keys.list("acme") if key.is_live(START)]
    assert sorted(live) == sorted([new.prefix, successor.prefix])
    assert keys.find(successor.prefix) == successor


def test_an_expired_key_makes_room_and_is_still_listed(keys: Keys, clock: Clock) -> None:
    old = a_key(expires=START + timedelta(days=1))
    keys.add(old)
    keys.add(a_key())
    with pytest.raises(SetupError):
        keys.add(a_key())
    clock.time = START + timedelta(days=1)
    keys.add(a_key())
    assert old in keys.list("acme")


def test_a_revoked_key_is_dead_at_once_for_every_process(connect: Connect, clock: Clock) -> None:
    here, there = connect(), connect()
    key = a_key()
    here.add(key)
    clock.time = START + timedelta(minutes=5)
    revoked = there.revoke("acme", key.prefix)
    assert revoked.revoked == clock.time
    assert here.find(key.prefix) == revoked
    assert not revoked.is_live(clock.time)


def test_revoking_a_dead_key_changes_nothing(keys: Keys, clock: Clock) -> None:
    key, expired = a_key(), a_key(user="bob", expires=START + timedelta(seconds=1))
    keys.add(key)
    keys.add(expired)
    first = keys.revoke("acme", key.prefix)
    clock.time = START + timedelta(days=1)
    assert keys.revoke("acme", key.prefix) == first
    assert keys.revoke("acme", expired.prefix) == expired


def test_a_tenant_cannot_revoke_anothers_key(keys: Keys) -> None:
    key = a_key(tenant="river")
    keys.add(key)
    with pytest.raises(SetupError):
        keys.revoke("acme", key.prefix)
    assert keys.find(key.prefix) == key


def test_a_prefix_that_is_taken_is_refused_for_every_tenant(keys: Keys) -> None:
    key = a_key()
    keys.add(key)
    twin = ApiKey(
        prefix=key.prefix,
        secret_sha256="0" * 64,
        tenant="river",
        user="rob",
        role="admin",
        created=START,
    )
    with pytest.raises(SetupError):
        keys.add(twin)
    assert keys.find(key.prefix) == key


def test_many_adding_at_once_leave_two_live_keys(connect: Connect) -> None:
    views = [connect() for _ in range(6)]
    refused = []
    begin = threading.Barrier(len(views))

    def add(view: Keys) -> None:
        begin.wait()
        try:
            view.add(a_key())
        except SetupError as error:
            refused.append(error)

    threads = [threading.Thread(target=add, args=(view,)) for view in views]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(views[0].list("acme")) == 2
    assert len(refused) == 4


def test_a_signing_key_is_made_when_first_asked_for_and_stays(connect: Connect) -> None:
    (first,) = connect().signing_keys("acme")
    assert len(first.secret) == 32
    assert connect().signing_keys("acme") == (first,)


def test_tenants_sign_with_different_keys(keys: Keys) -> None:
    (acme,), (river,) = keys.signing_keys("acme"), keys.signing_keys("river")
    assert acme.secret != river.secret
    assert acme.id != river.id


def test_all_who_ask_first_at_once_get_the_same_signing_key(connect: Connect) -> None:
    views = [connect() for _ in range(6)]
    got = []
    begin = threading.Barrier(len(views))

    def ask(view: Keys) -> None:
        begin.wait()
        got.append(view.signing_keys("acme"))

    threads = [threading.Thread(target=ask, args=(view,)) for view in views]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6
    assert len({keys[0].secret for keys in got}) == 1
