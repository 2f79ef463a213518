"""Signatures: requests to a Function URL as IAM takes them (SigV4 of the service `lambda`).

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from collections.abc import Mapping
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from tests.aws.doors import Sign

_SIGNED = ("x-tenant-host", "cloudfront-viewer-address")
"""Of the headers given, those that a signature covers; programs may spell the others anew."""


def signer(credentials: Any, *, region: str) -> Sign:
    """Sign with botocore's credentials, which may be ones that renew themselves.

    Queries must be written as SigV4 writes them (RFC 3986): nothing is encoded here.
    """

    def sign(method: str, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        covered = {name: value for name, value in headers.items() if name.lower() in _SIGNED}
        request = AWSRequest(method=method, url=url, headers=covered)
        SigV4Auth(credentials.get_frozen_credentials(), "lambda", region).add_auth(request)
        return {**headers, **dict(request.headers.items())}

    return sign
