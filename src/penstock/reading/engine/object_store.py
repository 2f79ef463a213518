"""The engine's object store: its settings, and a secret for each content that queries read."""

import hashlib
import importlib.util
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from penstock.errors import SetupError
from penstock.reading.engine.literals import text
from penstock.reading.objects import StoredObject, is_object

_PACKAGE = "duckdb_extension_httpfs"

_SETTINGS = (
    # Loading takes over the keys of the environment, which open every object with any content.
    "s3_access_key_id = ''",
    "s3_secret_access_key = ''",
    "s3_session_token = ''",
    "enable_global_s3_configuration = false",
    # Seconds that a connection may be silent.
    "http_timeout = 10",
    # Waits of 0.1, 0.2, 0.4 and 0.8 s: what is over soon is not noticed, what lasts is told soon.
    "http_retries = 4",
    "http_retry_wait_ms = 100",
    "http_retry_backoff = 2",
    "httpfs_connection_caching = true",
    # Both are kept by location, and a location has one content alone.
    "enable_http_metadata_cache = true",
    "parquet_metadata_cache = true",
    # Where a range comes back with another length, the whole object would be held in memory.
    "auto_fallback_to_full_download = false",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What requests are signed with."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStore:
    """S3, or a server that speaks it, for an engine.

    `credentials` is asked before each query and answers from memory; they are to live longer than a
    query may. `endpoint` is the server's URL without a bucket.
    """

    prefixes: tuple[str, ...]
    """What may be read, such as `s3://bucket/`."""
    credentials: Callable[[], Credentials]
    region: str
    endpoint: str
    path_style: bool = True
    """Whether the bucket stands in paths; in host names otherwise."""
    certificates: Path | None = None
    """The authorities that are trusted, as a PEM file; None takes the system's."""
    extension: Path | None = None
    """The file of the engine's extension; None takes the one of duckdb-extension-httpfs."""


def open_store(database: duckdb.DuckDBPyConnection, store: ObjectStore) -> None:
    """Load the extension and set it up; before external access ends.

    Raises SetupError if there is no extension for this engine.
    """
    extension = store.extension or _bundled_extension()
    try:
        database.execute(f"LOAD {text(str(extension))}")
    except duckdb.Error as error:
        raise SetupError(f"{extension.name} can't be loaded into the engine: {error}") from error
    # For every connection: a setting of an extension else holds for the one that sets it.
    for setting in _SETTINGS:
        database.execute(f"SET GLOBAL {setting}")
    if store.certificates is not None:
        database.execute(f"SET GLOBAL ca_cert_file = {text(str(store.certificates))}")


class Secrets:
    """Secrets of an engine's database, one for each location that a query reads; thread-safe.

    A secret opens one location and makes each of its requests demand that content (`If-Match`,
    RFC 9110, section 13.1.1): the store itself refuses to give any byte of another. There is no
    secret for anything else, so nothing else can be read.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, store: ObjectStore) -> None:
        self._connection = database.cursor()
        self._store = store
        self._made: dict[str, Credentials] = {}
        self._lock = threading.Lock()

    def make(self, locations: Sequence[str]) -> None:
        """Have secrets with the credentials of now for a query that is about to begin.

        A query that has begun keeps the secrets that it found. Locations of files need none.
        """
        objects = [location for location in locations if is_object(location)]
        if not objects:
            return
        credentials = self._store.credentials()
        with self._lock:
            for location in objects:
                if self._made.get(location) != credentials:
                    self._connection.execute(_secret(location, credentials, self._store))
                    self._made[location] = credentials

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()


def _secret(location: str, credentials: Credentials, store: ObjectStore) -> str:
    etag = f'"{StoredObject.at(location).etag}"'
    server = urlsplit(store.endpoint)
    parts = [
        "TYPE s3",
        f"SCOPE {text(location)}",
        f"EXTRA_HTTP_HEADERS MAP {{'If-Match': {text(etag)}}}",
        f"KEY_ID {text(credentials.access_key)}",
        f"SECRET {text(credentials.secret_key)}",
        f"REGION {text(store.region)}",
        f"ENDPOINT {text(server.netloc)}",
        f"URL_STYLE {text('path' if store.path_style else 'vhost')}",
        f"USE_SSL {'true' if server.scheme == 'https' else 'false'}",
    ]
    if credentials.token is not None:
        parts.append(f"SESSION_TOKEN {text(credentials.token)}")
    return f"CREATE OR REPLACE TEMPORARY SECRET {_name(location)} ({', '.join(parts)})"


def _name(location: str) -> str:
    return f"of_{hashlib.sha256(location.encode()).hexdigest()[:32]}"


def _bundled_extension() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    for folder in (found and found.submodule_search_locations) or ():
        built = Path(folder, "extensions", f"v{duckdb.__version__}", "httpfs.duckdb_extension")
        if built.is_file():
            return built
    raise SetupError(
        f"To read objects, the engine needs duckdb-extension-httpfs {duckdb.__version__}: "
        "install penstock[aws]."
    )
