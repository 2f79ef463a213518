"""A job's whole way through the functions of a stack: asked for, worked on, told of, downloaded."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.aws_job_homes import fresh_queue, received
from tests.aws_tables import client_of, fresh_name
from tests.flows.function_process import FailedError, function
from tests.flows.stack_functions import Functions, batch
from tests.flows.stack_on_stand_ins import HOST, Stack, add_key, made_stack
from tests.management_api import management_api
from tests.stand_ins import StandIn

from penstock.aws.jobs.bus_events import SOURCE
from penstock.aws.jobs.dead_letters import SqsDeadLetters
from penstock.aws.sweep_handler import LATE_SECONDS


@pytest.fixture(scope="module")
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    return made_stack(s3_server, aws_server)


@pytest.fixture(scope="module")
def functions(stack: Stack) -> Iterator[Functions]:
    with ExitStack() as running:
        api = running.enter_context(management_api())
        yield Functions(stack, api, running)


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return add_key(stack)


def dead_letters(stack: Stack) -> SqsDeadLetters:
    return SqsDeadLetters(
        client=client_of(stack.aws, "sqs"), url=stack.queues["dead"], wait_seconds=0
    )


@pytest.fixture(scope="module")
def bus(stack: Stack) -> Callable[[], list[dict[str, Any]]]:
    """What the bus hands on: each look takes the events since the last one."""
    events, sqs = client_of(stack.aws, "events"), client_of(stack.aws, "sqs")
    url = fresh_queue(sqs, "told")
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    rule = {"Name": "to-sockets", "EventBusName": stack.bus}
    events.put_rule(**rule, EventPattern=json.dumps({"source": [SOURCE]}))
    events.put_targets(
        Rule=rule["Name"],
        EventBusName=stack.bus,
        Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}],
    )
    return lambda: [json.loads(body) for body in received(sqs, url)]


def test_an_export_is_asked_for_worked_on_and_downloaded(functions: Functions, key: str) -> None:
    job = functions.begin(key)
    status, waiting = functions.ask("GET", job["links"]["self"], key=key)
    assert (status, waiting["state"]) == (200, "QUEUED")
    assert functions.ask("GET", job["links"]["result"], key=key)[0] == 409
    assert functions.work(*functions.messages()) == []
    _, done = functions.ask("GET", job["links"]["self"], key=key)
    assert (done["state"], done["progress"]["done"]) == ("SUCCEEDED", 3)
    status, result = functions.ask("GET", job["links"]["result"], key=key)
    assert status == 200
    assert httpx.get(result["files"]["csv"]["url"]).text.splitlines() == [
        "entity,name,organisation-entity",
        "44000001,Bath,122",
        "44000003,Clifton,122",
        "44000004,Corsham,122",
    ]
    whole = [*result["downloads"].values(), result["schema"]]
    assert {url.partition("/exports/")[0] for url in whole} == {f"https://{HOST}"}


def test_of_a_batch_a_poison_message_is_buried_and_a_repeated_one_does_nothing(
    functions: Functions, stack: Stack, key: str
) -> None:
    first, second = functions.begin(key), functions.begin(key)
    once, other = functions.messages()
    assert functions.work(once, "{poison", once, other) == []
    for job in (first, second):
        _, done = functions.ask("GET", job["links"]["self"], key=key)
        assert (done["state"], done["attempt"]) == ("SUCCEEDED", 1)
    (letter,) = dead_letters(stack).list(limit=10)
    assert (letter.body, letter.message) == ("{poison", None)
    assert letter.reason.startswith("unreadable: ")
    dead_letters(stack).take(letter.id)


def test_what_the_time_does_not_suffice_for_comes_again(functions: Functions, key: str) -> None:
    job = functions.begin(key)
    (body,) = functions.messages()
    assert functions.work(body, seconds=1) == ["0"]
    assert functions.ask("GET", job["links"]["self"], key=key)[1]["state"] == "QUEUED"
    assert functions.work(body) == []
    assert functions.ask("GET", job["links"]["self"], key=key)[1]["attempt"] == 1


def test_a_message_comes_again_while_the_table_of_jobs_cannot_be_read(stack: Stack) -> None:
    message = {
        "tenant": "acme",
        "job_id": "01JD3B6Z8Y5V9TQ0RXK2N4M7PC",
        "kind": "export",
        "type": "dataset-slice",
        "size": "small",
    }
    variables = {**stack.variables, "PENSTOCK_JOBS_TABLE": fresh_name("gone")}
    with function("penstock.aws.work_handlers.work", variables) as work:
        answer = work(batch(json.dumps(message), "{poison"))
        assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
        (line,) = work.lines("job put off")
        assert (line["tenant"], line["job_id"]) == ("acme", message["job_id"][:14])
        assert (line["queue"], line["outcome"]) == ("small", "put-off")
    (letter,) = dead_letters(stack).list(limit=10)
    dead_letters(stack).take(letter.id)


def test_each_decision_is_a_line_that_says_nothing_of_what_was_asked_for(
    functions: Functions, key: str
) -> None:
    job = functions.begin(key)
    functions.work(*functions.messages())
    lines = (
        *functions.of("gateway.api").lines("job routed"),
        *functions.of("work_handlers.work").lines("job worked on"),
    )
    line, worked = (line for line in lines if line["job_id"] == job["id"][:14])
    assert (line["tenant"], line["type"], line["outcome"]) == (
        "acme",
        "dataset-slice",
        "dispatched",
    )
    assert functions.stack.queues[line["size"]].endswith(line["queue"])
    assert worked["outcome"] == "succeeded"
    assert (worked["tenant"], worked["type"]) == ("acme", "dataset-slice")
    assert (worked["state"], worked["rows"], worked["queue"]) == ("SUCCEEDED", 3, "small")
    for handler in ("gateway.api", "work_handlers.work"):
        log = functions.of(handler).log()
        assert "organisation-entity" not in log
        assert key.rpartition("_")[2] not in log


def test_a_lost_message_is_sent_again_by_a_sweep(functions: Functions, key: str) -> None:
    job = functions.begin(key)
    functions.messages()  # and nobody works on them
    began = datetime.now(UTC)
    assert functions.sweep(began)["dispatched"] == 0
    later = began + timedelta(seconds=181 + LATE_SECONDS)
    assert functions.sweep(later)["dispatched"] >= 1
    assert functions.work(*functions.messages()) == []
    assert functions.ask("GET", job["links"]["self"], key=key)[1]["state"] == "SUCCEEDED"


def test_a_user_hears_of_the_own_jobs_as_the_bus_hands_events_on(
    functions: Functions, stack: Stack, key: str, bus: Callable[[], list[dict[str, Any]]]
) -> None:
    bob = add_key(stack, user="bob")
    for socket_id, whose in (("ada=", key), ("bob=", bob)):
        given = {"ticket": functions.ticket(whose)}
        assert functions.socket("$connect", socket_id, queryStringParameters=given) == 200
    bus()
    job = functions.begin(key)
    functions.work(*functions.messages())
    for event in bus():
        functions.of("push_handler.push")(event)
    names = [name for name, _ in functions.heard("ada=") if name != "job.progress"]
    assert names == ["job.accepted", "job.started", "job.succeeded"]
    assert functions.heard("bob=") == []
    assert functions.socket("$disconnect", "bob=") == 200
    assert functions.socket("$disconnect", "ada=") == 200
    assert functions.ask("DELETE", job["links"]["self"], key=key)[0] == 204


def test_a_socket_that_comes_back_is_told_what_it_missed(
    functions: Functions, stack: Stack, key: str
) -> None:
    job = functions.begin(key)
    functions.work(*functions.messages())
    given = {"ticket": functions.ticket(key)}
    assert functions.socket("$connect", "back=", queryStringParameters=given) == 200
    other = {"ticket": functions.ticket(add_key(stack, user="eve"))}
    assert functions.socket("$connect", "eve=", queryStringParameters=other) == 200
    for socket_id in ("back=", "eve="):
        said = json.dumps({"after": {job["id"]: 1}})
        assert functions.socket("$default", socket_id, body=said) == 200
    heard = functions.heard("back=")
    assert [name for name, _ in heard] == ["job.started", "job.succeeded"]
    assert min(seq for _, seq in heard) > 1
    assert functions.heard("eve=") == []


@pytest.mark.parametrize("said", ["", "ping", "[]", '{"after": 7}', '{"after": {"x": 1}}'])
def test_what_asks_for_nothing_is_answered_with_nothing(
    functions: Functions, key: str, said: str
) -> None:
    given = {"ticket": functions.ticket(key)}
    socket_id = fresh_name("socket")
    assert functions.socket("$connect", socket_id, queryStringParameters=given) == 200
    assert functions.socket("$default", socket_id, body=said) == 200
    assert functions.heard(socket_id) == []
    assert functions.socket("$disconnect", socket_id) == 200


def test_a_ticket_opens_one_socket_and_a_wrong_one_none(functions: Functions, key: str) -> None:
    given = {"ticket": functions.ticket(key)}
    assert functions.socket("$connect", "once=", queryStringParameters=given) == 200
    assert functions.socket("$connect", "twice=", queryStringParameters=given) == 401
    for wrong in ({"ticket": "made-up"}, {}, None):
        assert functions.socket("$connect", "none=", queryStringParameters=wrong) == 401
    assert functions.socket("$disconnect", "once=") == 200


def test_an_opening_that_asks_for_what_was_missed_is_refused_and_takes_no_ticket(
    functions: Functions, key: str
) -> None:
    given = {"ticket": functions.ticket(key)}
    asking = {**given, "after": "01JD3B6Z8Y5V9TQ0RXK2N4M7PC:1"}
    assert functions.socket("$connect", "asks=", queryStringParameters=asking) == 400
    assert functions.socket("$connect", "asks=", queryStringParameters=given) == 200
    assert functions.socket("$disconnect", "asks=") == 200


def test_a_socket_that_cannot_be_told_what_it_missed_is_ended(
    functions: Functions, key: str
) -> None:
    job = functions.begin(key)
    functions.messages()
    given = {"ticket": functions.ticket(key)}
    assert functions.socket("$connect", "deaf=", queryStringParameters=given) == 200
    functions.api_of_sockets.statuses["deaf="] = 500
    said = json.dumps({"after": {job["id"]: 0}})
    assert functions.socket("$default", "deaf=", body=said) == 503
    assert functions.socket("$disconnect", "deaf=") == 200


def test_an_event_that_could_not_be_told_comes_again(
    functions: Functions, key: str, bus: Callable[[], list[dict[str, Any]]]
) -> None:
    given = {"ticket": functions.ticket(key)}
    assert functions.socket("$connect", "slow=", queryStringParameters=given) == 200
    functions.api_of_sockets.statuses["slow="] = 500
    bus()
    functions.begin(key)
    functions.messages()
    event = bus()[0]
    with pytest.raises(FailedError, match="BusyError"):
        functions.of("push_handler.push")(event)
    functions.api_of_sockets.statuses["slow="] = 200
    functions.of("push_handler.push")(event)
    assert [name for name, _ in functions.heard("slow=")] == ["job.accepted"]
    functions.of("push_handler.push")({"detail": {"not": "an event"}})
    assert functions.socket("$disconnect", "slow=") == 200
