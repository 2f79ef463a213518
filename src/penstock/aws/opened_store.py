"""Opened store: a stack's adapters and engine, shared by the service and its workers."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.aws.datasets.blobs import S3Blobs
from penstock.aws.datasets.catalog import S3Catalog
from penstock.aws.datasets.exports import S3Exports
from penstock.aws.datasets.objects import object_store
from penstock.aws.services.clients import Clients
from penstock.aws.tenants.keys import DynamoKeys
from penstock.aws.tenants.receipts import DynamoReceipts
from penstock.aws.tenants.signing_keys import SsmSigningKeys
from penstock.aws.tenants.tenants import SsmTenants
from penstock.model.clock import utc_now
from penstock.ports import Ports
from penstock.reading.engine import Engine
from penstock.settings import AwsSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStore:
    """What answering and working share: one engine, and the store that it reads."""

    scratch: Path
    engine: Engine
    ports: Ports
    exports: S3Exports


@contextmanager
def open_store(settings: AwsSettings, clients: Clients, *, queries: int) -> Iterator[OpenedStore]:
    """Open the stack's store for the body, with an engine for so many queries at once."""
    with ExitStack() as stack:
        scratch = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True)
            )
        )
        s3, ssm, dynamodb = (clients.of(service) for service in ("s3", "ssm", "dynamodb"))
        engine = Engine(
            roots=[],
            object_store=object_store(clients, bucket=settings.dataset_bucket),
            spill_dir=scratch,
            memory_bytes=settings.engine_memory_bytes,
            threads=settings.engine_threads,
            queries=queries,
            spill_bytes=settings.sort_spill_bytes,
        )
        stack.callback(engine.close)
        signing = SsmSigningKeys(
            client=ssm,
            environment=settings.environment,
            seconds=settings.tenant_seconds,
            now=utc_now,
        )
        catalog = S3Catalog(
            client=s3,
            bucket=settings.dataset_bucket,
            engine=engine,
            single_tenant=settings.single_tenant,
        )
        stack.callback(catalog.close)
        exports = S3Exports(client=s3, bucket=settings.dataset_bucket, engine=engine, now=utc_now)
        yield OpenedStore(
            scratch=scratch,
            engine=engine,
            exports=exports,
            ports=Ports(
                blobs=S3Blobs(client=s3, bucket=settings.dataset_bucket),
                catalog=catalog,
                exported=exports,
                tenants=SsmTenants(
                    client=ssm,
                    environment=settings.environment,
                    seconds=settings.tenant_seconds,
                    now=utc_now,
                ),
                keys=DynamoKeys(
                    client=dynamodb, table=settings.keys_table, signing=signing, now=utc_now
                ),
                receipts=DynamoReceipts(
                    client=dynamodb, table=settings.receipts_table, now=utc_now
                ),
            ),
        )
