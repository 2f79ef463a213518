"""The consuming side of the queue in SQLite, and whose turn it is."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.job_homes import a_message, in_threads
from tests.moving_clock import START, Clock, SteadyClock

from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.dead_letters import SqliteDeadLetters
from penstock.local.jobs.queue import ReceivedMessage, SqliteQueue
from penstock.model.job import SizeClass
from penstock.model.message import JobMessage, body_of

SMALL: tuple[SizeClass, ...] = ("small",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[JobDatabase]:
    with closing(JobDatabase(path)) as database:
        yield database


@pytest.fixture
def seconds() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def letters(database: JobDatabase) -> SqliteDeadLetters:
    return SqliteDeadLetters(database, now=Clock())


@pytest.fixture
def queue(database: JobDatabase, letters: SqliteDeadLetters, seconds: SteadyClock) -> SqliteQueue:
    return SqliteQueue(database, letters=letters, clock=seconds, now=Clock())


def test_a_received_message_is_hidden_until_its_time_is_over(
    queue: SqliteQueue, seconds: SteadyClock
) -> None:
    message = sent(queue)
    first = receive(queue)
    assert (first.message, first.delivered) == (message, 1)
    seconds.wait(59.9)
    assert is_empty(queue)
    seconds.wait(0.1)
    second = receive(queue)
    assert (second.message, second.delivered) == (message, 2)
    assert second.receipt_handle != first.receipt_handle


def test_a_message_that_is_done_never_comes_again(queue: SqliteQueue, seconds: SteadyClock) -> None:
    sent(queue)
    queue.done(receive(queue))
    seconds.wait(10_000)
    assert is_empty(queue)


def test_a_released_message_comes_again_after_its_delay(
    queue: SqliteQueue, seconds: SteadyClock
) -> None:
    message = sent(queue)
    queue.release(receive(queue), delay_seconds=5)
    assert is_empty(queue)
    seconds.wait(5)
    again = receive(queue)
    assert (again.message, again.delivered) == (message, 2)
    queue.release(again)
    assert receive(queue).delivered == 3


def test_who_lost_a_message_can_do_nothing_to_it(queue: SqliteQueue, seconds: SteadyClock) -> None:
    sent(queue)
    lost = receive(queue)
    seconds.wait(60)
    held = receive(queue)
    queue.done(lost)
    queue.release(lost)
    assert is_empty(queue)
    queue.done(held)
    seconds.wait(10_000)
    assert is_empty(queue)


def test_a_message_whose_time_is_over_can_still_be_done(
    queue: SqliteQueue, seconds: SteadyClock
) -> None:
    sent(queue)
    received = receive(queue)
    seconds.wait(61)
    queue.done(received)
    assert is_empty(queue)


def test_a_restart_lets_go_of_what_was_hidden(queue: SqliteQueue, seconds: SteadyClock) -> None:
    held, delayed = sent(queue), a_message()
    receive(queue, visible_seconds=900)
    queue.send(delayed, delay_seconds=900)
    seconds.seconds = 3.0
    assert [receive(queue).message, receive(queue).message] == [held, delayed]
    assert is_empty(queue)
    seconds.wait(60)
    assert receive(queue).message == held


def test_a_late_look_after_a_restart_hides_for_no_longer_than_before(
    queue: SqliteQueue, seconds: SteadyClock
) -> None:
    message = sent(queue)
    receive(queue, visible_seconds=900)
    seconds.seconds = 1001.0
    assert is_empty(queue)
    seconds.wait(899)
    assert receive(queue).message == message


def test_messages_of_other_sizes_are_left_to_others(queue: SqliteQueue) -> None:
    small, large, medium = (
        a_message(size="small"),
        a_message(size="large"),
        a_message(size="medium"),
    )
    for message in (large, medium, small):
        queue.send(message)
    received = [receive(queue, sizes=("small", "medium")).message for _ in range(2)]
    assert received == [medium, small]
    assert is_empty(queue, sizes=("small", "medium"))
    assert queue.receive((), visible_seconds=60) is None
    assert receive(queue, sizes=("large",)).message == large


def test_a_tenants_messages_come_in_the_order_they_were_sent(queue: SqliteQueue) -> None:
    messages = [sent(queue) for _ in range(5)]
    assert [receive(queue).message for _ in messages] == messages


def test_a_flood_of_one_tenant_lets_the_others_have_their_turn(queue: SqliteQueue) -> None:
    for _ in range(200):
        sent(queue, "flood")
    for number in range(3):
        sent(queue, "acme")
        sent(queue, f"one-{number}")
    turns = []
    for _ in range(12):
        received = receive(queue)
        queue.done(received)
        turns.append(received.message.tenant)
    assert turns[:5] == ["flood", "acme", "one-0", "one-1", "one-2"]
    assert Counter(turns[5:]) == {"acme": 2, "flood": 5}


def test_the_tenant_with_the_fewest_messages_in_hand_comes_first(queue: SqliteQueue) -> None:
    for tenant in ("busy", "busy", "busy", "calm", "calm", "calm"):
        sent(queue, tenant)
    held = [receive(queue) for _ in range(2)]
    assert {one.message.tenant for one in held} == {"busy", "calm"}
    (calm,) = (one for one in held if one.message.tenant == "calm")
    queue.done(calm)
    # Both had one turn; calm holds none of the workers now, also after its next ones.
    for _ in range(2):
        received = receive(queue)
        assert received.message.tenant == "calm"
        queue.done(received)
    assert receive(queue).message.tenant == "busy"


def test_a_message_in_hand_of_another_size_does_not_count(queue: SqliteQueue) -> None:
    queue.send(a_message(tenant="acme", size="large"))
    receive(queue, sizes=("large",))
    sent(queue, "acme")
    sent(queue, "river")
    assert receive(queue).message.tenant == "river"
    sent(queue, "river")
    sent(queue, "river")
    assert receive(queue).message.tenant == "acme"


@settings(max_examples=30)
@given(
    sends=st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=40),
    workers=st.integers(1, 4),
)
def test_every_tenant_that_waits_is_served_before_another_is_twice_more(
    tmp_path_factory: pytest.TempPathFactory, sends: list[str], workers: int
) -> None:
    path = tmp_path_factory.mktemp("queue") / "jobs.sqlite"
    with closing(JobDatabase(path)) as database:
        letters = SqliteDeadLetters(database, now=Clock())
        queue = SqliteQueue(database, letters=letters, clock=SteadyClock(), now=Clock())
        for tenant in sends:
            sent(queue, tenant)
        left, served = Counter(sends), Counter[str]()
        held: list[ReceivedMessage] = []
        while +left:
            if len(held) == workers:
                queue.done(held.pop(0))
            received = receive(queue)
            held.append(received)
            tenant = received.message.tenant
            left[tenant] -= 1
            served[tenant] += 1
            for other in +left:
                assert served[tenant] <= served[other] + 1 + workers
        for received in held:
            queue.done(received)
        assert is_empty(queue)
        assert served == Counter(sends)


def test_messages_of_a_tenant_apart_are_given_to_those_who_ask_for_it(
    database: JobDatabase, letters: SqliteDeadLetters
) -> None:
    queue = SqliteQueue(
        database,
        letters=letters,
        clock=SteadyClock(),
        now=Clock(),
        tenants_apart=frozenset({"acme", "river"}),
    )
    for tenant in ("acme", "river", "other"):
        sent(queue, tenant)
    assert receive(queue).message.tenant == "other"
    assert is_empty(queue)
    assert receive(queue, tenant="river").message.tenant == "river"
    assert queue.receive(SMALL, visible_seconds=60, tenant="river") is None
    assert receive(queue, tenant="acme").message.tenant == "acme"
    assert queue.receive(SMALL, visible_seconds=60, tenant="nobody") is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "[]",
        '{"tenant": "acme"}',
        body_of(a_message(tenant="river")),
        body_of(a_message(size="large")),
    ],
)
def test_what_is_no_message_of_its_place_becomes_a_dead_letter(
    queue: SqliteQueue, letters: SqliteDeadLetters, path: Path, body: str
) -> None:
    sent(queue, "acme")
    lay(path, body)
    messages = [sent(queue, "acme") for _ in range(2)]
    receive(queue)
    assert [receive(queue).message for _ in messages] == messages
    (letter,) = letters.list(limit=10)
    assert (letter.body, letter.buried) == (body, START)
    assert "no message" in letter.reason
    assert is_empty(queue)


def test_the_messages_of_dead_holders_are_handed_back(queue: SqliteQueue) -> None:
    for tenant in ("acme", "river", "other"):
        sent(queue, tenant)
    assert queue.receive(SMALL, visible_seconds=900, holder="dead") is not None
    assert queue.receive(SMALL, visible_seconds=900, holder="alive") is not None
    assert queue.receive(SMALL, visible_seconds=900) is not None
    asked = []

    def is_dead(holder: str) -> bool:
        asked.append(holder)
        return holder == "dead"

    assert queue.hand_back(is_dead) == 1
    assert sorted(asked) == ["alive", "dead"]
    assert receive(queue).message.tenant == "acme"
    assert is_empty(queue)
    assert queue.hand_back(lambda _: False) == 0


def test_of_many_that_receive_at_once_each_gets_other_messages(path: Path) -> None:
    databases = [JobDatabase(path) for _ in range(4)]
    queues = [
        SqliteQueue(
            database,
            letters=SqliteDeadLetters(database, now=Clock()),
            clock=SteadyClock(),
            now=Clock(),
        )
        for database in databases
    ]
    messages = {sent(queues[0], f"t{number % 3}") for number in range(60)}
    got: list[JobMessage] = []

    def work(queue: SqliteQueue) -> None:
        while (received := queue.receive(SMALL, visible_seconds=60)) is not None:
            got.append(received.message)
            queue.done(received)

    in_threads([partial(work, queue) for queue in queues])
    for database in databases:
        database.close()
    assert len(got) == 60
    assert set(got) == messages


def sent(queue: SqliteQueue, tenant: str = "acme") -> JobMessage:
    message = a_message(tenant=tenant)
    queue.send(message)
    return message


def receive(
    queue: SqliteQueue,
    *,
    sizes: tuple[SizeClass, ...] = SMALL,
    visible_seconds: float = 60,
    tenant: str | None = None,
) -> ReceivedMessage:
    received = queue.receive(sizes, visible_seconds=visible_seconds, tenant=tenant)
    assert received is not None
    return received


def is_empty(queue: SqliteQueue, *, sizes: tuple[SizeClass, ...] = SMALL) -> bool:
    return queue.receive(sizes, visible_seconds=60) is None


def lay(path: Path, body: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO message (tenant, size, body, since, due)"
            " VALUES ('acme', 'small', ?, 0, 0)",
            (body,),
        )
