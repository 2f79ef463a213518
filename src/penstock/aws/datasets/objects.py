"""The engine's way to a bucket: the same place and the same keys that botocore's client has."""

from pathlib import Path
from urllib.parse import urlsplit

from botocore.httpsession import where

from penstock.aws.services.clients import Clients
from penstock.errors import SetupError
from penstock.reading.engine import Credentials, ObjectStore
from penstock.reading.objects import SCHEME
from penstock.reading.outage import outage

_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn")


def object_store(clients: Clients, *, bucket: str) -> ObjectStore:
    """Tell the engine of a bucket; its credentials are the session's, which renews them in time.

    botocore renews temporary credentials from 15 minutes before their end on, so that those of a
    query outlive it. Raises SetupError if there are no credentials.
    """
    meta = clients.of("s3").meta
    found = clients.session.get_credentials()
    if found is None:
        raise SetupError("There are no AWS credentials: give this process a role or a profile.")

    def credentials() -> Credentials:
        frozen = found.get_frozen_credentials()
        if not (frozen.access_key and frozen.secret_key):
            raise outage()
        return Credentials(
            access_key=frozen.access_key, secret_key=frozen.secret_key, token=frozen.token
        )

    host = urlsplit(meta.endpoint_url).hostname or ""
    return ObjectStore(
        prefixes=(f"{SCHEME}{bucket}/",),
        credentials=credentials,
        region=meta.region_name,
        endpoint=meta.endpoint_url,
        # A certificate for *.s3… covers no bucket whose name has a dot.
        path_style=not host.endswith(_AWS_HOSTS) or "." in bucket,
        certificates=Path(clients.session.get_config_variable("ca_bundle") or where()),
    )
