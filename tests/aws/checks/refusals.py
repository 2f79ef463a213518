"""Refusals: origins answer the edge alone, whoever else finds their addresses."""

from collections.abc import Mapping

from tests.aws.doors import Door
from tests.aws.findings import require

_OK = 200
_FORBIDDEN = 403


def the_function_wants_a_signature(
    function: Door, stranger: Door, forged: Mapping[str, str]
) -> None:
    """Ask the Function URL with a signature, without one, and with one that is none.

    `function` signs, `stranger` is the same address for anybody; `forged` are headers that only the
    edge may send.

    Raises CheckFailedError.
    """
    path = "/numbers.csv?n__lt=3"
    known = function.ask(path)
    require(
        known.status == _OK,
        f"A signed call is answered with {known.status}, so a refusal would prove nothing.",
    )
    date, signature = "20260101T000000Z", "0" * 64
    credential = "AKIAIOSFODNN7EXAMPLE/20260101/eu-west-2/lambda/aws4_request"
    made_up = {
        "x-amz-date": date,
        "authorization": f"AWS4-HMAC-SHA256 Credential={credential}, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}",
    }
    for headers in ({}, forged, {**forged, **made_up}):
        answer = stranger.ask(path, headers)
        require(
            answer.status == _FORBIDDEN,
            f"The Function URL answers {answer.status} to a stranger with "
            f"{', '.join(headers) or 'no headers'}.",
        )


def the_gateway_wants_the_secret(gateway: Door, edge: Door, forged: Mapping[str, str]) -> None:
    """Call API Gateway's own address, with what only the edge may say; then through the edge.

    Raises CheckFailedError.
    """
    path = "/v1/jobs"
    for headers in ({}, forged, {**forged, "x-origin-secret": "guessed"}):
        answer = gateway.ask(path, headers)
        require(
            answer.status == _FORBIDDEN,
            f"API Gateway's own address answers {answer.status} to a stranger with "
            f"{', '.join(headers) or 'no headers'}.",
        )
    through = edge.ask(path)
    require(
        through.status != _FORBIDDEN and through.status < 500,
        f"Through the edge, {path} is answered with {through.status}: the secret doesn't arrive.",
    )
