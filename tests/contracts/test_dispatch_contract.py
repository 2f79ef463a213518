"""What every adapter of Dispatch and DeadLetters promises."""

from datetime import timedelta
from functools import partial

import pytest
from tests.job_homes import Queues, a_message, in_threads

from penstock.errors import SetupError
from penstock.model.job import SIZES, SizeClass


@pytest.mark.parametrize("size", SIZES)
def test_a_message_arrives_at_the_queue_of_its_size_alone(queues: Queues, size: SizeClass) -> None:
    message = a_message(size=size)
    queues.dispatch.send(message)
    for other in SIZES:
        if other != size:
            assert queues.arrived(other) == []
    assert queues.arrived(size) == [message]
    assert queues.arrived(size) == []


def test_a_message_arrives_not_before_its_delay(queues: Queues) -> None:
    message = a_message()
    queues.dispatch.send(message, delay_seconds=2)
    assert queues.arrived("small") == []
    queues.wait(2)
    assert queues.arrived("small") == [message]


def test_a_message_that_is_sent_twice_arrives(queues: Queues) -> None:
    message = a_message()
    queues.dispatch.send(message)
    queues.dispatch.send(message)
    arrived = queues.arrived("small")
    assert set(arrived) == {message}
    assert len(arrived) <= 2


def test_of_many_that_send_at_once_no_message_is_lost(queues: Queues) -> None:
    messages = [a_message(tenant=f"t{number % 5}") for number in range(40)]

    def send(place: int) -> None:
        for message in messages[place::4]:
            queues.dispatch.send(message)

    in_threads([partial(send, place) for place in range(4)])
    assert set(queues.arrived("small")) == set(messages)


def test_a_buried_message_is_kept_with_its_reason(queues: Queues) -> None:
    message = a_message(size="large")
    queues.dispatch.bury(message, reason="“no such column”\nline 2")
    (letter,) = queues.letters.list(limit=10)
    assert (letter.message, letter.reason) == (message, "“no such column”\nline 2")
    assert letter.buried.utcoffset() == timedelta(0)
    assert message.job_id in letter.body
    assert queues.arrived("large") == []


def test_dead_letters_are_listed_oldest_first(queues: Queues) -> None:
    messages = [a_message() for _ in range(3)]
    for message in messages:
        queues.dispatch.bury(message, reason="no")
    assert [letter.message for letter in queues.letters.list(limit=10)] == messages
    assert [letter.message for letter in queues.letters.list(limit=2)] == messages[:2]


def test_a_letter_is_taken_once_and_can_be_sent_again(queues: Queues) -> None:
    queues.dispatch.bury(a_message(), reason="first")
    queues.dispatch.bury(a_message(), reason="second")
    first, second = queues.letters.list(limit=10)
    taken = queues.letters.take(first.id)
    assert taken == first
    assert queues.letters.list(limit=10) == [second]
    with pytest.raises(SetupError):
        queues.letters.take(first.id)
    assert taken.message is not None
    queues.dispatch.send(taken.message)
    assert queues.arrived("small") == [taken.message]


@pytest.mark.parametrize("letter_id", ["", "nothing", "%", "' OR 1=1 --", "99999999"])
def test_a_letter_that_is_not_there_cannot_be_taken(queues: Queues, letter_id: str) -> None:
    queues.dispatch.bury(a_message(), reason="no")
    with pytest.raises(SetupError):
        queues.letters.take(letter_id)
    assert len(queues.letters.list(limit=10)) == 1


@pytest.mark.parametrize("body", ["", "nonsense", "[]", '{"tenant": "acme"}', '{"size": "vast"}'])
def test_a_body_that_cannot_be_read_is_a_letter_without_a_message(
    queues: Queues, body: str
) -> None:
    queues.lay_unreadable(body)
    (letter,) = queues.letters.list(limit=10)
    assert (letter.body, letter.message) == (body, None)
    assert letter.reason
    assert queues.letters.take(letter.id) == letter
