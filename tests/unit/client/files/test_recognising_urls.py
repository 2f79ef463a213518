import pytest

from penstock.client.files.partial_file import url_digest

URL = "https://data.example/exports/01A.csv?_select=a%2Cb"
PRESIGNED = "https://bucket.s3.example/acme/exports/01A/file-000001.csv?response-content-type=csv"


@pytest.mark.parametrize(
    ("url", "signature", "newer"),
    [
        (URL, "_expires=1&_kid=a&_sig=x", "_expires=2&_kid=b&_sig=y"),
        (
            PRESIGNED,
            "X-Amz-Date=1&X-Amz-Credential=k%2F1&X-Amz-Signature=aa",
            "X-Amz-Date=2&X-Amz-Credential=k%2F2&X-Amz-Signature=bb&X-Amz-Security-Token=t",
        ),
    ],
)
def test_a_url_that_was_signed_anew_is_the_same(url: str, signature: str, newer: str) -> None:
    assert url_digest(f"{url}&{signature}") == url_digest(f"{url}&{newer}") == url_digest(url)


@pytest.mark.parametrize("other", ["&_limit=1", "&x-amz-date=1", "&_sign=1", "&a=X-Amz-Date=1"])
def test_a_url_that_asks_for_something_else_is_another(other: str) -> None:
    assert url_digest(f"{URL}{other}") != url_digest(URL)
