"""The engine's way to a bucket follows botocore's client: place, style and keys."""

import pytest
from tests.stand_ins import StandIn

from penstock.aws.datasets.objects import object_store
from penstock.aws.services.clients import Clients
from penstock.errors import SetupError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDROLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-a-role")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")


def test_on_aws_the_bucket_stands_in_the_host_and_the_roles_keys_are_used() -> None:
    store = object_store(Clients(), bucket="datasets")
    assert store.prefixes == ("s3://datasets/",)
    assert (store.region, store.endpoint) == ("eu-west-2", "https://s3.eu-west-2.amazonaws.com")
    assert not store.path_style
    credentials = store.credentials()
    assert (credentials.access_key, credentials.secret_key, credentials.token) == (
        "AKIDROLE",
        "of-a-role",
        "a-token",
    )
    assert store.certificates is not None
    assert store.certificates.is_file()


def test_a_bucket_with_dots_stands_in_the_path_as_no_certificate_fits_it() -> None:
    assert object_store(Clients(), bucket="data.example.org").path_style


def test_another_server_is_asked_in_path_style(
    s3_server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint)
    store = object_store(Clients(), bucket="datasets")
    assert (store.endpoint, store.path_style) == (s3_server.endpoint, True)


def test_no_credentials_are_told_before_anything_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(SetupError, match="credentials"):
        object_store(Clients(), bucket="datasets")
