"""Where a command works: in a home folder of this machine, or in a stack on AWS."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from penstock.errors import SetupError
from penstock.model.clock import utc_now
from penstock.model.job import Job
from penstock.model.message import DeadLetter
from penstock.model.signature import SigningKey
from penstock.model.tenant import Tenant
from penstock.ports import DeadLetters, JobPorts, JobStore, Keys, Tenants
from penstock.settings import AwsSettings, Settings

Home = Annotated[
    Path | None,
    typer.Option(help="Folder for tenants, keys, receipts and data (default: PENSTOCK_HOME)."),
]
Aws = Annotated[
    str | None,
    typer.Option(
        "--aws",
        metavar="ENVIRONMENT",
        help="Work in a stack on AWS, by its environment (such as prod), not in the home folder.",
    ),
]
Table = Annotated[
    str | None,
    typer.Option(
        envvar="PENSTOCK_KEYS_TABLE",
        help="With --aws: the table of API keys, where the environment doesn't name it.",
    ),
]


class TenantRegister(Tenants, Protocol):
    """Tenants that can be changed; each change is made whole, or can be made again."""

    def disabled(self) -> list[Tenant]:
        """List by id the tenants that are known and not served."""
        ...

    def add(self, tenant: Tenant) -> None:
        """Serve one more tenant.

        Raises SetupError if its id or one of its hosts is taken, or can't be one.
        """
        ...

    def remove(self, tenant_id: str) -> None:
        """Forget a tenant; its data and keys stay. Raises SetupError if there is none."""
        ...

    def enable(self, tenant_id: str) -> None:
        """Serve a disabled tenant again. Raises SetupError if there is none."""
        ...

    def disable(self, tenant_id: str) -> None:
        """Serve a tenant no more; its hosts stay its own. Raises SetupError if there is none."""
        ...


class SigningKeys(Protocol):
    """What of Keys signs."""

    def signing_keys(self, tenant: str) -> tuple[SigningKey, ...]:
        """Give a tenant's live signing keys, the one that signs first; made when asked for."""
        ...

    def rotate_signing_key(self, tenant: str) -> SigningKey:
        """Make a new signing key; of the older ones the newest stays."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeDeadLetters:
    """The dead letters of one home, the jobs that they are about, and their way back."""

    letters: DeadLetters
    store: JobStore
    redrive: Callable[[DeadLetter], Job]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeAdministration:
    """The tenants and keys of one home; keys and dead letters are opened when they are wanted."""

    tenants: TenantRegister
    has_tenant: Callable[[str], bool]
    change_tenant: Callable[[str, Callable[[Tenant], Tenant]], Tenant]
    """Changes what is said of a tenant, and gives it; whether it is served stays as it is."""
    open_keys: Callable[[], Keys]
    open_signing_keys: Callable[[], SigningKeys]
    open_letters: Callable[[], HomeDeadLetters]
    takes_effect: str
    """When a change reaches what is served: “at once”."""
    afterwards: str
    """What else is to be known of a tenant that is served no more."""
    datasets: Callable[[str], str]
    """Says where a tenant's datasets belong."""


@contextmanager
def administered(
    *, home: Path | None, aws: str | None, table: str | None = None
) -> Iterator[HomeAdministration]:
    """Open a home for the body, and close it after it; what fails there is one line for people.

    Raises SetupError if both homes are named, or the one that is can't be opened.
    """
    if aws is None:
        with _in_folder(settings_of(home=home)) as opened:
            yield opened
        return
    if home is not None:
        raise SetupError("--home and --aws name two homes: leave one of them out.")
    try:
        from penstock.aws.administration import told_plainly
    except ModuleNotFoundError as error:
        raise SetupError(
            f"--aws needs {error.name}: install penstock with its part for AWS, penstock[aws]."
        ) from error
    with told_plainly():
        yield _in_stack(aws, table=table)


def settings_of(**given: Any) -> Settings:
    """Read the environment; what was given on the command line comes first.

    Raises SetupError if a variable can't be used.
    """
    from pydantic import ValidationError

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = f"PENSTOCK_{fault['loc'][0]}".upper()
        raise SetupError(f"{name} can't be used: {fault['msg']}.") from error


@contextmanager
def _in_folder(settings: Settings) -> Iterator[HomeAdministration]:
    from penstock.local.home_layout import database_path, store_path, tenants_path
    from penstock.local.tenants.alone import LOCAL_TENANT
    from penstock.local.tenants.keys import SqliteKeys
    from penstock.local.tenants.tenants import FileTenants

    home = settings.home.expanduser()
    tenants = FileTenants(tenants_path(home))

    def has_tenant(tenant: str) -> bool:
        known = (*tenants.all(), *tenants.disabled())
        return tenant == LOCAL_TENANT or tenant in [each.id for each in known]

    with ExitStack() as stack:

        def open_keys() -> SqliteKeys:
            return stack.enter_context(closing(SqliteKeys(database_path(home), now=utc_now)))

        def open_letters() -> HomeDeadLetters:
            from penstock.local.atomic import private_folder
            from penstock.local.jobs.ports import local_jobs

            private_folder(home)
            return _letters(stack.enter_context(local_jobs(home)).ports)

        yield HomeAdministration(
            tenants=tenants,
            has_tenant=has_tenant,
            change_tenant=tenants.change,
            open_keys=open_keys,
            open_signing_keys=open_keys,
            open_letters=open_letters,
            takes_effect="at once",
            afterwards="",
            datasets=lambda tenant: (
                f"the Parquet files in {store_path(home) / tenant / 'datasets'}"
            ),
        )


def _letters(ports: JobPorts) -> HomeDeadLetters:
    from penstock.jobs.redrive import redrive

    return HomeDeadLetters(
        letters=ports.letters,
        store=ports.store,
        redrive=lambda letter: redrive(ports, letter, now=utc_now()),
    )


def _in_stack(environment: str, *, table: str | None) -> HomeAdministration:
    from penstock.aws.administration import client_of, keys_table
    from penstock.aws.jobs.administration import stack_jobs
    from penstock.aws.tenants.keys import DynamoKeys
    from penstock.aws.tenants.signing_keys import SsmSigningKeys
    from penstock.aws.tenants.tenants import SsmTenants

    ssm = client_of("ssm")
    seconds: float = AwsSettings.model_fields["tenant_seconds"].default
    tenants = SsmTenants(client=ssm, environment=environment, seconds=seconds, now=utc_now)
    signing = SsmSigningKeys(client=ssm, environment=environment, seconds=seconds, now=utc_now)

    def open_keys() -> DynamoKeys:
        return DynamoKeys(
            client=client_of("dynamodb"),
            table=table or keys_table(ssm, environment=environment),
            signing=signing,
            now=utc_now,
        )

    return HomeAdministration(
        tenants=tenants,
        has_tenant=tenants.has,
        change_tenant=tenants.change,
        open_keys=open_keys,
        open_signing_keys=lambda: signing,
        open_letters=lambda: _letters(stack_jobs(ssm, environment=environment)),
        takes_effect=f"within {seconds:g} s (PENSTOCK_TENANT_SECONDS of the functions)",
        afterwards=(
            "What CloudFront has cached of it may be served up to an hour longer: invalidate /* of "
            "the distribution to end that now."
        ),
        datasets=lambda tenant: f"the Parquet files below {tenant}/datasets/ in the stack's bucket",
    )
