from dataclasses import replace

import pytest
from tests.aws_job_homes import fresh_queue, received
from tests.aws_tables import client_of
from tests.job_homes import a_message
from tests.stand_ins import StandIn
from tests.unit.aws.watched_client import Watched

from penstock.aws.jobs.dead_letters import SqsDeadLetters
from penstock.aws.jobs.queue import SqsDispatch
from penstock.errors import BusyError, SetupError
from penstock.model.job import SIZES
from penstock.model.message import body_of, message_from


@pytest.fixture
def watched(aws_server: StandIn) -> Watched:
    return Watched(aws_server, "sqs")


@pytest.fixture
def dead(watched: Watched) -> str:
    return fresh_queue(watched.client, "dead")


@pytest.fixture
def own(watched: Watched) -> str:
    return fresh_queue(watched.client, "own")


@pytest.fixture
def dispatch(watched: Watched, dead: str, own: str) -> SqsDispatch:
    queues = {size: fresh_queue(watched.client, size) for size in SIZES}
    return SqsDispatch(
        client=watched.client, queues=queues, dead_letters=dead, own_queues={"river": own}
    )


@pytest.fixture
def letters(watched: Watched, dead: str) -> SqsDeadLetters:
    return SqsDeadLetters(client=watched.client, url=dead, wait_seconds=0)


def test_a_tenant_with_a_queue_of_its_own_is_sent_there_whatever_the_size(
    dispatch: SqsDispatch, watched: Watched, own: str
) -> None:
    messages = [a_message(tenant="river", size=size) for size in SIZES]
    for message in (*messages, a_message()):
        dispatch.send(message)
    assert sorted(received(watched.client, own)) == sorted(map(body_of, messages))


def test_messages_of_a_tenant_are_a_group_of_their_own(
    aws_server: StandIn, watched: Watched, dead: str
) -> None:
    queue = fresh_queue(watched.client, "small")
    dispatch = SqsDispatch(
        client=watched.client, queues=dict.fromkeys(SIZES, queue), dead_letters=dead
    )
    dispatch.send(a_message(tenant="river"))
    (found,) = watched.client.receive_message(
        QueueUrl=queue, MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    assert found["Attributes"]["MessageGroupId"] == "river"


@pytest.mark.parametrize(
    ("delay", "whole"),
    [(-1.0, 0), (0.0, 0), (0.1, 1), (899.5, 900), (900.0, 900), (901.0, 900), (1e9, 900)],
)
def test_any_delay_is_taken_as_whole_seconds_up_to_the_longest_there_is(
    dispatch: SqsDispatch, watched: Watched, delay: float, whole: int
) -> None:
    asked: list[int] = []
    watched.client.meta.events.register(
        "before-parameter-build.sqs.SendMessage",
        lambda params, **_: asked.append(params["DelaySeconds"]),
    )
    dispatch.send(a_message(), delay_seconds=delay)
    assert asked == [whole]
    assert watched.counted()[-1] == "SendMessage"


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("", "unknown"),
        ("a\x00b\x1b[31m", "a�b�[31m"),
        ("\ud800\ufffe\n\tü\U0001f6b0", "��\n\tü\U0001f6b0"),
        ("x" * 5_000, "x" * 1_000),
    ],
)
def test_a_reason_is_kept_as_far_as_a_message_may_hold_it(
    dispatch: SqsDispatch, letters: SqsDeadLetters, reason: str, kept: str
) -> None:
    dispatch.bury(a_message(), reason=reason)
    (letter,) = letters.list(limit=1)
    assert letter.reason == kept


def test_a_message_that_sqs_moved_itself_says_that_it_came_too_often(
    watched: Watched, dead: str, letters: SqsDeadLetters
) -> None:
    message = a_message()
    watched.client.send_message(QueueUrl=dead, MessageBody=body_of(message))
    (letter,) = letters.list(limit=1)
    assert letter.message == message
    assert "again and again" in letter.reason


def test_letters_beyond_one_answer_are_all_listed_and_each_can_be_taken(
    dispatch: SqsDispatch, letters: SqsDeadLetters
) -> None:
    messages = [a_message() for _ in range(23)]
    for message in messages:
        dispatch.bury(message, reason="no")
    listed = letters.list(limit=100)
    assert {letter.message for letter in listed} == set(messages)
    for letter in listed[::-5]:
        assert letters.take(letter.id) == letter
    assert len(letters.list(limit=100)) == 23 - len(listed[::-5])


def test_a_letter_stays_where_it_can_not_be_deleted(
    dispatch: SqsDispatch, letters: SqsDeadLetters, watched: Watched, aws_server: StandIn, dead: str
) -> None:
    dispatch.bury(a_message(), reason="no")
    (letter,) = letters.list(limit=1)
    watched.fails = lambda name: "InternalError" if name == "DeleteMessage" else None
    with pytest.raises(BusyError):
        letters.take(letter.id)
    watched.fails = lambda _: None
    with pytest.raises(SetupError, match="looks at it just now"):
        letters.take(letter.id)
    attributes = client_of(aws_server, "sqs").get_queue_attributes(
        QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )
    assert attributes["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_letters_that_can_not_be_given_back_are_listed_all_the_same(
    dispatch: SqsDispatch, letters: SqsDeadLetters, watched: Watched
) -> None:
    dispatch.bury(a_message(), reason="no")
    watched.fails = lambda name: "InternalError" if name.startswith("Change") else None
    assert len(letters.list(limit=1)) == 1


def test_a_queue_that_refuses_is_busy(dispatch: SqsDispatch, watched: Watched) -> None:
    watched.fails = lambda _: "RequestThrottled"
    with pytest.raises(BusyError):
        dispatch.send(a_message())
    with pytest.raises(BusyError):
        dispatch.bury(a_message(), reason="no")


@pytest.mark.parametrize(
    "changed",
    ['"tenant":"No tenant"', '"job_id":"1"', '"kind":"deport"', '"size":["small"]', '"type":null'],
)
def test_a_body_with_a_field_that_is_none_is_no_message(changed: str) -> None:
    body = body_of(a_message())
    name = changed.partition(":")[0]
    start = body.index(name)
    end = min(place for place in (body.find(",", start), body.find("}", start)) if place > 0)
    assert message_from(body[:start] + changed + body[end:]) is None


def test_what_a_newer_sender_adds_is_passed_over() -> None:
    message = a_message()
    assert message_from(body_of(message)[:-1] + ',"priority":1}') == message
    assert message_from("[" * 100_000) is None


def test_what_nobody_can_read_is_kept_as_it_is_with_its_reason(
    dispatch: SqsDispatch, letters: SqsDeadLetters
) -> None:
    dispatch.bury_body("{poison", reason="unreadable: It is no message of a job.")
    (letter,) = letters.list(limit=10)
    assert (letter.body, letter.message) == ("{poison", None)
    assert letter.reason == "unreadable: It is no message of a job."


def test_a_queue_is_named_as_it_is_in_logs(dispatch: SqsDispatch) -> None:
    assert dispatch.queue_of(a_message()).startswith(f"{a_message().size}-")
    assert dispatch.queue_of(replace(a_message(), tenant="river")).startswith("own-")
