"""The functions of a stack, each called as AWS does: by requests, messages, sockets and sweeps."""

import base64
import json
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tests.aws_job_homes import received
from tests.aws_tables import client_of
from tests.flows.function_process import FunctionProcess, function
from tests.flows.stack_on_stand_ins import HOST, ORIGIN_SECRET, SOCKETS_URL, Stack
from tests.management_api import ManagementApi

from penstock.model.job import SIZES

SLICE = {
    "type": "dataset-slice",
    "params": {"dataset": "conservation-area", "query": "organisation-entity=122"},
    "formats": ["csv"],
}
QUEUE_ARN = "arn:aws:sqs:eu-west-2:123456789012:small"


class Functions:
    """The functions of a stack, each started when it is first called."""

    def __init__(self, stack: Stack, api: ManagementApi, running: ExitStack) -> None:
        self.stack = stack
        self.api_of_sockets = api
        self._running = running
        self._started: dict[str, FunctionProcess] = {}

    def of(self, handler: str) -> FunctionProcess:
        """Give the function with a handler."""
        if handler not in self._started:
            variables = {
                **self.stack.variables,
                "POWERTOOLS_SERVICE_NAME": handler.rpartition(".")[2],
                "PENSTOCK_SOCKETS_ENDPOINT": self.api_of_sockets.endpoint,
            }
            entered = function(f"penstock.aws.{handler}", variables)
            self._started[handler] = self._running.enter_context(entered)
        return self._started[handler]

    def ask(
        self, method: str, path: str, *, key: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Ask the JSON API as the holder of a key; give the status and the document."""
        answer = self.of("gateway.api")(gateway_event(method, path, key=key, body=body, **headers))
        text = answer["body"]
        if answer.get("isBase64Encoded"):
            text = base64.b64decode(text).decode()
        return answer["statusCode"], json.loads(text) if text else {}

    def begin(self, key: str) -> dict[str, Any]:
        """Ask for an export; give the answer's document."""
        status, job = self.ask("POST", "/v1/exports", key=key, body=SLICE)
        assert status == 202, job
        return job

    def messages(self) -> list[str]:
        """Take the messages of all size classes."""
        sqs = client_of(self.stack.aws, "sqs")
        return [body for size in SIZES for body in received(sqs, self.stack.queues[size])]

    def work(self, *bodies: str, seconds: float = 60) -> list[str]:
        """Work on a batch; give the numbers of the messages that are to come again."""
        answer = self.of("work_handlers.work")(batch(*bodies), seconds=seconds)
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    def sweep(self, at: datetime) -> dict[str, int]:
        """Sweep, as the schedule has it at a time."""
        said = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        swept: dict[str, int] = self.of("sweep_handler.look_after")({"scheduled": said})
        return swept

    def socket(self, route: str, socket_id: str, **more: object) -> int:
        """Have something happen to a socket; give the status that it is answered with."""
        event = {"requestContext": {"routeKey": route, "connectionId": socket_id}, **more}
        answer = self.of("socket_handlers.sockets")(event)
        return int(answer["statusCode"])

    def ticket(self, key: str) -> str:
        """Ask for a ticket."""
        status, made = self.ask("POST", "/v1/events/tickets", key=key, body={})
        assert (status, made["url"]) == (201, SOCKETS_URL)
        return str(made["ticket"])

    def heard(self, socket_id: str) -> list[tuple[str, int]]:
        """Give the events that a socket was told, with their numbers."""
        posted = [json.loads(said) for said in self.api_of_sockets.posted[socket_id]]
        return [(each["event"], each["seq"]) for each in posted]


def gateway_event(
    method: str, path: str, *, key: str, body: object = None, **headers: str
) -> dict[str, Any]:
    """Give what API Gateway passes on of a request that came through the edge."""
    target = urlsplit(path)
    content = {} if body is None else {"content-type": "application/json"}
    return {
        "version": "2.0",
        "routeKey": "ANY /v1/{proxy+}",
        "rawPath": target.path,
        "rawQueryString": target.query,
        "headers": {
            "accept": "application/json",
            "host": "a1b2c3d4e5.execute-api.eu-west-2.amazonaws.com",
            "x-api-key": key,
            "x-origin-secret": ORIGIN_SECRET,
            "x-tenant-host": HOST,
            **content,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
        "requestContext": {
            "http": {
                "method": method,
                "path": target.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
            },
            "requestId": "request",
            "stage": "$default",
            "time": "13/Mar/2024:12:30:43 +0000",
            "timeEpoch": 1710333043000,
        },
        "body": "" if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def batch(*bodies: str) -> dict[str, Any]:
    """Give what Lambda hands to a function of a queue's messages, numbered from 0."""
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": f"handle-{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": QUEUE_ARN,
                "awsRegion": "eu-west-2",
            }
            for number, body in enumerate(bodies)
        ]
    }
