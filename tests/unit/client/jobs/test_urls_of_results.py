"""URLs of results, as a service tells them and as they are asked for."""

import pytest

from penstock.client.jobs.jobs_api import absolute_url
from penstock.errors import TransferError


@pytest.mark.parametrize(
    ("origin", "told", "asked"),
    [
        ("http://localhost:8000", "/exports/x.csv?a=1", "http://localhost:8000/exports/x.csv?a=1"),
        (
            "http://localhost:8000",
            "http://localhost:8000/exports/x.csv",
            "http://localhost:8000/exports/x.csv",
        ),
        (
            "https://data.acme.example",
            "https://store.example/x?sig=%2F",
            "https://store.example/x?sig=%2F",
        ),
        (
            "https://data.acme.example",
            "http://data.acme.example/exports/x.csv",
            "https://data.acme.example/exports/x.csv",
        ),
        (
            "https://data.acme.example:8443",
            "http://data.acme.example:8443/exports/x.csv",
            "https://data.acme.example:8443/exports/x.csv",
        ),
    ],
)
def test_a_url_is_whole_and_as_safe_as_the_service(origin: str, told: str, asked: str) -> None:
    assert absolute_url(origin, told) == asked


@pytest.mark.parametrize(
    "told",
    ["http://store.example/x", "http://data.acme.example:9000/x", "ftp://data.acme.example/x"],
)
def test_a_url_that_leads_out_of_tls_or_nowhere_is_not_followed(told: str) -> None:
    with pytest.raises(TransferError):
        absolute_url("https://data.acme.example", told)
