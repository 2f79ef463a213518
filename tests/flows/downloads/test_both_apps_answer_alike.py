"""The app of the download function and that of the JSON API answer for datasets alike."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from starlette.types import ASGIApp
from tests.flows.edge_requests import ask
from tests.flows.tenant_homes import add_tenant, store

from penstock.local.compose import compose
from penstock.local.opened_store import ServedPath
from penstock.model.tenant import Tenant
from penstock.settings import Settings
from penstock.web.app import create_app
from penstock.web.downloading_app import create_downloading_app

HOST = "area.example"


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ASGIApp, ASGIApp]]:
    home = tmp_path_factory.mktemp("alike") / "home"
    add_tenant(home, Tenant(id="area", hosts=(HOST,)))
    store(home, "area", "numbers", pa.table({"n": [1, 2, 3]}))
    with compose(Settings(home=home, workers=0), ServedPath(demo=False)) as resources:
        yield create_app(resources), create_downloading_app(resources)


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/-/datasets.json", 200),
        ("GET", "/-/healthz", 200),
        ("GET", "/numbers.csv?n__gt=1", 200),
        ("HEAD", "/numbers.csv", 200),
        ("OPTIONS", "/numbers.csv", 204),
        ("GET", "/numbers/-/schema.json", 200),
        ("GET", "/numbers/-/count.json", 200),
        ("GET", "/numbers.csv?n__gt=x", 400),
        ("GET", "/numbers.csv/", 404),
        ("GET", "/numbers", 404),
        ("GET", "/nothing.csv", 404),
        ("GET", "/a/b/c/d", 404),
        ("GET", "/%00", 404),
        ("POST", "/numbers.csv", 405),
        ("DELETE", "/-/datasets.json", 405),
    ],
)
def test_both_apps_answer_alike(
    apps: tuple[ASGIApp, ASGIApp], method: str, target: str, status: int, accept: str
) -> None:
    headers = {"host": HOST, "accept": accept}
    # Once sent, an answer's length is known.
    ask(apps[0], target, method=method, headers=headers)
    one, other = (ask(app, target, method=method, headers=headers) for app in apps)
    assert (one.status, other.status) == (status, status)
    assert (one.body, one.whole) == (other.body, other.whole)
    assert _stable(one.headers) == _stable(other.headers)


def _stable(headers: dict[str, str]) -> dict[str, str]:
    """Leave out what counts requests, names one of them or tells the time."""
    changing = ("ratelimit-", "download-id", "x-download-id", "date")
    return {name: said for name, said in headers.items() if not name.startswith(changing)}
