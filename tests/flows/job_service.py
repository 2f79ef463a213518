"""The real service with jobs, whose work the test does itself, one message after the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_key, add_tenant, store

from penstock.jobs.run import RunOutcome, run
from penstock.local.compose_work import compose_work
from penstock.local.opened_store import ServedPath
from penstock.model.key import Role
from penstock.model.tenant import Caps, Tenant
from penstock.ports import JobPorts
from penstock.settings import Settings

ROWS = 3_000
HOSTS = {"acme": "localhost", "other": "other.localhost"}
VISITORS = Caps(anonymous_exports=True, anonymous_export_rows=2_000, anonymous_jobs_per_address=2)


@dataclass(slots=True)
class _Clock:
    """The service's time: the real one, or later than that."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """The service, a client of it, and its home folder."""

    service: Service
    client: httpx.Client
    home: Path
    clock: _Clock
    keys: dict[tuple[str, str, Role], str] = field(default_factory=dict)

    @property
    def ports(self) -> JobPorts:
        """The stores of jobs that the service itself uses."""
        api = self.service.resources.jobs
        assert api is not None
        return api.ports

    @contextmanager
    def later(self, ahead: timedelta) -> Iterator[None]:
        """Have the service take it for later than it is."""
        self.clock.ahead = ahead
        try:
            yield
        finally:
            self.clock.ahead = timedelta(0)

    def key(self, user: str = "ada", *, role: Role = "reader", tenant: str = "acme") -> str:
        """Give a user's key of a role, made when first asked for."""
        who = (tenant, user, role)
        if who not in self.keys:
            self.keys[who] = add_key(self.service.resources, tenant, user=user, role=role)
        return self.keys[who]

    def ask(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        tenant: str = "acme",
        headers: dict[str, str] | None = None,
        **given: Any,
    ) -> httpx.Response:
        """Ask as the holder of a key, or without any, under a tenant's host."""
        more = {"host": f"{HOSTS[tenant]}:{self.client.base_url.port}", **(headers or {})}
        if key is not None:
            more["x-api-key"] = key
        return self.client.request(method, path, headers=more, **given)

    def begin(self, key: str | None, *, query: str = "", **body: object) -> dict[str, Any]:
        """Begin the export of a slice of `area`, and give the answer's body."""
        wanted = {"type": "dataset-slice", "params": {"dataset": "area", "query": query}, **body}
        answer = self.ask("POST", "/v1/exports", key=key, json=wanted)
        assert answer.status_code == 202, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def work(self) -> list[RunOutcome]:
        """Work on every job that waits, as a worker of its own would."""
        settings = Settings(home=self.home)
        served = ServedPath(path=None, demo=False)
        done = []
        with compose_work(settings, served, is_stopping=lambda: False) as (worker, queue):
            while received := queue.receive(("small", "medium", "large"), visible_seconds=60):
                done.append(run(worker, received.message))
                queue.done(received)
        return done

    def finished(self, key: str | None, *, query: str = "", **body: object) -> dict[str, Any]:
        """Export a slice of `area` to its end, and give the job's result."""
        job = self.begin(key, query=query, **body)
        self.work()
        answer = self.ask("GET", f"/v1/jobs/{job['id']}/result", key=key)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result


def area() -> pa.Table:
    """Make the dataset that is exported."""
    return pa.table({"n": range(ROWS), "name": [f"area {n}, “{n % 7}”" for n in range(ROWS)]})


@contextmanager
def job_service(
    folder: Path, *, caps: dict[str, Any] | None = None, **settings: object
) -> Iterator[Jobs]:
    """Serve `area` and the private `secret` of `acme`, where visitors may export, and `other`.

    `caps` are those of acme that differ from VISITORS.
    """
    home = folder / "home"
    own = replace(VISITORS, **(caps or {}))
    add_tenant(home, Tenant(id="acme", hosts=("localhost",), title="Acme", caps=own))
    add_tenant(home, Tenant(id="other", hosts=("other.localhost",)))
    for tenant in HOSTS:
        store(home, tenant, "area", area(), row_group_rows=500)
        store(home, tenant, "secret", area(), private=True)
    given: dict[str, Any] = {"workers": 0, **settings}
    clock = _Clock()
    with (
        serving(None, home=home, adapt=partial(replace, now=clock), **given) as service,
        httpx.Client(
            base_url=service.url, timeout=30, headers={"accept-encoding": "identity"}
        ) as client,
    ):
        yield Jobs(service=service, client=client, home=home, clock=clock)
