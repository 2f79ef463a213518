"""Clients are set up so that what they sign is taken, in every Region."""

from urllib.parse import parse_qs, urlsplit

import pytest

from penstock.aws.services.clients import Clients


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return monkeypatch


def link(bucket: str) -> str:
    wanted = {"Bucket": bucket, "Key": "acme/datasets/a.parquet"}
    signed: str = Clients().of("s3").generate_presigned_url("get_object", Params=wanted)
    return signed


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-west-1", "eu-west-2"])
def test_a_signed_url_is_of_the_newest_kind_and_of_the_buckets_region(
    environment: pytest.MonkeyPatch, region: str
) -> None:
    environment.setenv("AWS_DEFAULT_REGION", region)
    url = urlsplit(link("penstock-store"))
    query = parse_qs(url.query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert f"/{region}/s3/" in query["X-Amz-Credential"][0]
    assert url.hostname == f"penstock-store.s3.{region}.amazonaws.com"


def test_a_bucket_whose_name_has_dots_stands_in_the_path(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert link("data.acme.example").startswith(
        "https://s3.eu-west-1.amazonaws.com/data.acme.example/acme/"
    )


def test_a_server_of_ones_own_is_asked_by_paths(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    environment.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:8333")
    assert link("penstock-store").startswith("http://127.0.0.1:8333/penstock-store/acme/")


def test_a_service_of_an_api_is_asked_where_the_api_is_and_once_made_kept(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients = Clients()
    endpoint = "https://abc.execute-api.eu-west-1.amazonaws.com/live"
    client = clients.of("apigatewaymanagementapi", endpoint=endpoint, read_seconds=2)
    assert client.meta.endpoint_url == endpoint
    assert client.meta.config.read_timeout == 2
    assert clients.of("apigatewaymanagementapi", endpoint=endpoint, read_seconds=2) is client
    assert clients.of("s3") is clients.of("s3")
    assert clients.of("s3", read_seconds=60).meta.config.read_timeout == 60
