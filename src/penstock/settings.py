"""Settings from the environment (PENSTOCK_…); only the composition roots read them."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from penstock.errors import SetupError

_TenantId: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


def _from_json(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise ValueError("this is no JSON") from None


def default_home() -> Path:
    """Where data of the service is kept: ~/.local/share/penstock."""
    return Path("~/.local/share/penstock").expanduser()


def usual_readers() -> int:
    """How many processes read a large table unless that is set: half the processors, 1 to 4.

    The database has work with each of them, too.
    """
    return min(max((os.cpu_count() or 1) // 2, 1), 4)


class Settings(BaseSettings):
    """Everything that can be set, with the defaults of a laptop. Sizes are bytes."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_", frozen=True, extra="ignore")

    home: Path = Field(default_factory=default_home)
    """Tenants, keys, receipts, demo data and converted files live here."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)

    scan_slots: int = Field(default=4, ge=1)
    """Queries that run at once; connections are not bounded by it."""
    scan_queue: int = Field(default=64, ge=0)
    """Requests that may wait for a slot before the next one is a 503."""
    scan_wait_seconds: float = Field(default=10, gt=0)
    batch_rows: int = Field(default=8192, ge=1)
    chunk_bytes: int = Field(default=131_072, ge=1024)
    """The most that is handed to a socket at once; for a slow reader 65,536."""
    query_seconds: float = Field(default=60, gt=0)
    """Time that the queries of one request may run together, without waits for a slow client."""
    response_bytes: int | None = Field(default=None, ge=1)
    """The most one response may hold before coding; a tenant's own cap comes first."""
    spool_bytes: int = Field(default=64_000_000, ge=0)
    """Largest result that is built in a temporary file to give it a length and ranges."""
    sort_spill_bytes: int = Field(default=1_000_000_000, ge=0)
    """Temporary space for sorts, groups and distinct rows, all running ones together, and for what
    a slow reader has not taken yet, each."""
    engine_memory_bytes: int = Field(default=160_000_000, ge=64_000_000)
    engine_threads: int = Field(default=1, ge=1)
    encode_threads: int = Field(default=2, ge=1)
    """Threads that write batches as text, shared by all downloads."""
    limit_rows: int | None = Field(default=None, ge=1)
    """The `_limit` of a URL that has none; None sends all rows."""
    url_bytes: int = Field(default=8192, ge=256)
    filters: int = Field(default=50, ge=1)
    requests_per_minute: int = Field(default=600, ge=0)
    """Per client address, and per key; 0 is unlimited. Loopback addresses are never limited."""
    workers: int = Field(default=2, ge=0)
    """Processes that work on jobs, started when the first job comes; with 0 none is worked on."""
    own_workers: Annotated[
        dict[_TenantId, Annotated[int, Field(ge=1)]], NoDecode, BeforeValidator(_from_json)
    ] = {}
    """Tenants whose jobs have workers of their own, beside those, and how many; as JSON."""
    worker_memory_bytes: int = Field(default=96_000_000, ge=64_000_000)
    """What queries of one worker hold at most before they use temporary space."""
    export_part_rows: int = Field(default=5_000_000, ge=1)
    export_part_bytes: int = Field(default=256_000_000, ge=1_000_000)
    """A part of an export ends at the first of the two; bytes are of the stored file."""
    export_readers: int = Field(default_factory=usual_readers, ge=1, le=100)
    """Processes that read a large table side by side; with 1 its worker reads it alone."""
    job_heartbeat_seconds: float = Field(default=10, gt=0)
    job_lease_seconds: float = Field(default=60, gt=0)
    """How long a job's worker may show no sign of life before another one takes the job."""
    job_sweep_seconds: float = Field(default=30, gt=0)
    job_start_seconds: float = Field(default=180, gt=0)
    """A job that nobody began is dispatched again after this, and doubled each time."""
    job_attempts: int = Field(default=3, ge=1)
    job_cancel_seconds: float = Field(default=180, gt=0)
    """How long a cancelled job may take to end by itself before it is ended by force."""
    job_files_days: float = Field(default=7, gt=0)
    job_rows_days: float = Field(default=90, gt=0)
    """How long files, and rows, of finished jobs are kept."""
    redis_url: str | None = Field(default=None, repr=False)
    """A Redis by which processes tell each other at once which job to look at."""
    trusted_edge: bool = False
    """Whether `x-tenant-host`, `x-accept-zstd` and the viewer's address that an edge in front sends
    are believed."""


Kind = TypeVar("Kind", bound=BaseSettings)


def from_environment(kind: type[Kind]) -> Kind:
    """Read settings of which some have no default.

    Raises SetupError, which names each variable that is missing or unusable, and no value.
    """
    given: dict[str, Any] = {}
    try:
        return kind(**given)
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        faults = []
        for fault in error.errors(include_input=False, include_url=False):
            name = str(fault["loc"][0])
            variable = name if name.isupper() else f"{prefix}{name}".upper()
            faults.append(f"{variable}: {fault['msg'].lower()}")
        raise SetupError(f"The environment doesn't fit: {'; '.join(faults)}.") from error


class AwsSettings(Settings):
    """What a function of the stack is set to; template.yaml gives each of these variables."""

    dataset_bucket: str = Field(validation_alias="DATASET_BUCKET")
    """The bucket with every tenant's datasets, below `{tenant}/datasets/`."""
    environment: str = "dev"
    """The stack's stage, a part of the names of its parameters: `/penstock/{environment}/…`."""
    receipts_table: str
    keys_table: str
    single_tenant: str | None = None
    """The tenant whose datasets are `{dataset}.parquet` at the top of the bucket."""
    offers_exports: bool = False
    """Whether the stack takes jobs: what is too large for one answer is offered as one."""
    origin_secret_arn: str | None = None
    """The secret that the edge sends to API Gateway; a function behind IAM has none."""
    service: str = Field(default="penstock", validation_alias="POWERTOOLS_SERVICE_NAME")
    """What this function is called in logs and metrics."""
    metrics_namespace: str = Field(
        default="Penstock", validation_alias="POWERTOOLS_METRICS_NAMESPACE"
    )
    tenant_seconds: float = Field(default=60, ge=0)
    """How long what is known of a tenant is used before it is looked up again."""


class JobSettings(AwsSettings):
    """What a function that takes jobs, or works on them, is set to besides."""

    jobs_table: str
    sockets_table: str
    small_queue_url: str
    medium_queue_url: str
    large_queue_url: str
    dead_letters_url: str
    own_queues: Annotated[dict[_TenantId, str], NoDecode, BeforeValidator(_from_json)] = {}
    """Tenants with a queue of their own, by its URL; as JSON."""
    redis_parameter: str | None = None
    """The SecureString below `/penstock/{environment}/` that holds the URL of a Redis, which tells
    workers of requests to cancel; without, they look for them."""
    event_bus: str
    database_proxy: str | None = None
    """The host that all tenants' databases are reached through, in place of their own."""
    ranges_machine: str | None = None
    """The state machine that has ranges of large tables read, by its ARN; without, none are."""
    sockets_url: str
    """Where clients open sockets: `wss://…`."""


class RangeSettings(Settings):
    """What the function that reads ranges of large tables is set to."""

    dataset_bucket: str = Field(validation_alias="DATASET_BUCKET")
    environment: str = "dev"
    jobs_table: str
    database_proxy: str | None = None
    tenant_seconds: float = Field(default=60, ge=0)
    service: str = Field(default="penstock", validation_alias="POWERTOOLS_SERVICE_NAME")


class SocketSettings(BaseSettings):
    """What the function that tells sockets of events is set to."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_", frozen=True, extra="ignore")

    sockets_table: str
    sockets_endpoint: str
    """Where events are posted to sockets: `https://…`."""
    service: str = Field(default="penstock", validation_alias="POWERTOOLS_SERVICE_NAME")


class ReplaySettings(SocketSettings):
    """What the function behind the sockets' gateway is set to besides: where events are kept."""

    jobs_table: str


class RotationSettings(BaseSettings):
    """What the function that rotates the origin secret is set to."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_", frozen=True, extra="ignore")

    distribution_id: str
    """The distribution that sends the secret to its origins."""
