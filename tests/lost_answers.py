"""Clients of stand-ins whose answers get lost: the request is done, and its sender never knows."""

import io
from typing import Any

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY


class _Body(io.BytesIO):
    """What botocore reads an answer from."""

    def stream(self) -> list[bytes]:
        return [self.read()]


def patient_client(service: str, endpoint: str) -> Any:
    """Make a client that asks again as those of functions do."""
    return botocore.session.get_session().create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(
            retries={"total_max_attempts": 4, "mode": "standard"}, s3={"addressing_style": "path"}
        ),
    )


def lose_first_answer(client: Any, operation: str) -> None:
    """Have the first request of an operation (`s3.PutObject`) be done, and answered by a 500."""
    lost: list[AWSPreparedRequest] = []

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if lost:
            return None
        lost.append(request)
        URLLib3Session().send(request)
        return answer_of(request, 500)

    client.meta.events.register_first(f"before-send.{operation}", send)


def answer_of(request: AWSPreparedRequest, status: int, body: bytes = b"") -> AWSResponse:
    """Make an answer that no server gave."""
    return AWSResponse(str(request.url), status, HTTPHeaders(), _Body(body))
