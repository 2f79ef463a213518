import json
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.errors import BusyError, SetupError, UnknownHostError
from penstock.local.tenants.tenants import FileTenants
from penstock.model.tenant import Tenant

ACME = Tenant(id="acme", hosts=("acme.localhost",))
RIVER = Tenant(id="river", hosts=("river.localhost",))


def written(path: Path, **tenants: object) -> FileTenants:
    path.write_text(json.dumps({"tenants": tenants}))
    return FileTenants(path)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    tenants = written(path, acme={"hosts": ["acme.localhost"]})
    assert tenants.by_host("acme.localhost").id == "acme"
    written(path, river={"hosts": ["river.localhost"]})
    assert tenants.by_host("river.localhost").id == "river"
    with pytest.raises(UnknownHostError):
        tenants.by_host("acme.localhost")


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"tenants": {"acme": {"hosts": ["ACME"]}}}', b"\xff"]
)
def test_no_host_is_known_while_the_file_is_broken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tenants.json"
    tenants = written(path, acme={"hosts": ["acme.localhost"]})
    assert tenants.by_host("acme.localhost").id == "acme"
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(UnknownHostError):
            tenants.by_host("acme.localhost")
    with pytest.raises(SetupError):
        tenants.all()
    written(path, acme={"hosts": ["acme.localhost"]})
    assert tenants.by_host("acme.localhost").id == "acme"


def test_no_host_is_known_once_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    tenants = written(path, acme={"hosts": ["acme.localhost"]})
    assert tenants.by_host("acme.localhost").id == "acme"
    path.unlink()
    with pytest.raises(UnknownHostError):
        tenants.by_host("acme.localhost")
    assert tenants.all() == []


def test_a_folder_in_the_files_place_serves_nobody_and_says_of_no_host_that_it_is_unknown(
    tmp_path: Path,
) -> None:
    tenants = FileTenants(tmp_path)
    with pytest.raises(BusyError):
        tenants.by_host("acme.localhost")
    with pytest.raises(SetupError, match="can't be read"):
        tenants.all()


def test_a_removed_tenant_is_gone_and_the_others_stay(tmp_path: Path) -> None:
    tenants = FileTenants(tmp_path / "new" / "tenants.json")
    tenants.add(ACME)
    tenants.add(RIVER)
    tenants.remove("acme")
    assert tenants.all() == [RIVER]
    with pytest.raises(UnknownHostError):
        tenants.by_host("acme.localhost")


def test_a_disabled_tenant_is_not_served_and_keeps_its_hosts(tmp_path: Path) -> None:
    tenants = FileTenants(tmp_path / "tenants.json")
    tenants.add(ACME)
    tenants.disable("acme")
    with pytest.raises(UnknownHostError):
        tenants.by_host("acme.localhost")
    assert (tenants.all(), tenants.disabled()) == ([], [ACME])
    with pytest.raises(SetupError, match=r"acme\.localhost"):
        tenants.add(Tenant(id="river", hosts=ACME.hosts))
    tenants.enable("acme")
    assert tenants.by_host("acme.localhost") == ACME
    assert (tenants.all(), tenants.disabled()) == ([ACME], [])


def test_a_hidden_tenant_is_neither_served_nor_listed_and_stays_in_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tenants.json"
    tenants = FileTenants(path, hidden=frozenset({"acme"}))
    tenants.add(ACME)
    tenants.add(RIVER)
    with pytest.raises(UnknownHostError):
        tenants.by_host("acme.localhost")
    assert tenants.by_host("river.localhost") == RIVER
    assert tenants.all() == [RIVER]
    assert FileTenants(path).all() == [ACME, RIVER]


@pytest.mark.parametrize(
    "tenant",
    [
        Tenant(id="acme", hosts=("b.localhost",)),
        Tenant(id="b", hosts=("acme.localhost",)),
        Tenant(id="b", hosts=("B.localhost",)),
        Tenant(id="b", hosts=()),
        Tenant(id="../b", hosts=("b.localhost",)),
    ],
)
def test_a_tenant_that_cannot_be_served_is_not_added(tmp_path: Path, tenant: Tenant) -> None:
    tenants = FileTenants(tmp_path / "tenants.json")
    tenants.add(ACME)
    with pytest.raises(SetupError):
        tenants.add(tenant)
    assert tenants.all() == [ACME]


@pytest.mark.parametrize("change", ["remove", "enable", "disable"])
def test_a_tenant_that_is_not_there_cannot_be_changed(tmp_path: Path, change: str) -> None:
    with pytest.raises(SetupError, match="“nobody”"):
        getattr(FileTenants(tmp_path / "tenants.json"), change)("nobody")


def test_a_broken_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    path.write_text("{")
    with pytest.raises(SetupError):
        FileTenants(path).add(ACME)
    assert path.read_text() == "{"


def test_a_link_stays_a_link_and_no_other_file_is_left(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text('{"tenants": {}}')
    link = tmp_path / "tenants.json"
    link.symlink_to(real)
    FileTenants(link).add(ACME)
    assert link.is_symlink()
    assert FileTenants(real).all() == [ACME]
    assert {path.name for path in tmp_path.iterdir()} == {
        "real.json",
        "tenants.json",
        "tenants.json.lock",
    }


def test_processes_that_add_at_once_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    script = (
        "import sys; from pathlib import Path\n"
        "from penstock.local.tenants.tenants import FileTenants\n"
        "from penstock.model.tenant import Tenant\n"
        "tenants = FileTenants(Path(sys.argv[1]))\n"
        "for n in range(10):\n"
        "    name = f'{sys.argv[2]}-{n}'\n"
        "    tenants.add(Tenant(id=name, hosts=(f'{name}.localhost',)))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in ("a", "b")
    ]
    assert [process.wait() for process in running] == [0, 0]
    assert len(FileTenants(path).all()) == 20
