"""Composition of the service on AWS: Settings → adapters → what every request shares."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from penstock.aws.accounts import accounts
from penstock.aws.blobs import S3Blobs
from penstock.aws.catalog import S3Catalog
from penstock.aws.clients import Clients
from penstock.aws.keys import DynamoKeys
from penstock.aws.objects import object_store
from penstock.aws.receipts import DynamoReceipts
from penstock.aws.signing_keys import SsmSigningKeys
from penstock.aws.tenants import SsmTenants
from penstock.aws.traces import traces
from penstock.ports import Ports
from penstock.reading.engine import Engine
from penstock.settings import AwsSettings
from penstock.web.account import Account
from penstock.web.resources import Resources
from penstock.web.wiring import utc_now, wired


@contextmanager
def compose(settings: AwsSettings, clients: Clients) -> Iterator[Resources]:
    """Wire the service for the body, and close everything after it.

    Nothing is read or looked up before the first request.
    """
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
            queries=settings.scan_slots,
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
        ports = Ports(
            blobs=S3Blobs(client=s3, bucket=settings.dataset_bucket),
            catalog=catalog,
            tenants=SsmTenants(
                client=ssm,
                environment=settings.environment,
                seconds=settings.tenant_seconds,
                now=utc_now,
            ),
            keys=DynamoKeys(
                client=dynamodb, table=settings.keys_table, signing=signing, now=utc_now
            ),
            receipts=DynamoReceipts(client=dynamodb, table=settings.receipts_table, now=utc_now),
        )
        log = accounts(service=settings.service, namespace=settings.metrics_namespace)
        trace = traces(service=settings.service)

        def keep(account: Account) -> None:
            log(account)
            trace(account)

        yield stack.enter_context(
            wired(settings, ports, engine, scratch=scratch, basic_keys=False, keep=keep)
        )
