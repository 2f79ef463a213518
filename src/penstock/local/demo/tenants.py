"""Demo tenants: three made-up organisations with generated data, to try the service on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock.errors import SetupError
from penstock.local.atomic import exclusive, private_folder, replace_file
from penstock.local.datasets.private import set_private
from penstock.model.tenant import Tenant

VERSION = 2
"""Counts up whenever the demo data change: older ones are then replaced at the next start."""

PRIVATE = {"demo": "premium-pay"}
"""The one private dataset of a tenant."""

_DATASETS: Mapping[str, Sequence[str]] = {
    "demo": ("conservation-area", "organisation", "planning-application", "premium-pay"),
    "demo-river": ("river-level", "station"),
    "demo-harbour": ("ship-arrival",),
}


def demo_tenants() -> list[Tenant]:
    """Give the demo tenants, each under its own host of this machine."""
    return [
        Tenant(
            id="demo",
            hosts=("localhost", "127.0.0.1", "[::1]"),
            title="Corve Vale Planning (demo)",
        ),
        Tenant(id="demo-river", hosts=("river.localhost",), title="Elver River Watch (demo)"),
        Tenant(id="demo-harbour", hosts=("harbour.localhost",), title="Sedgeness Harbour (demo)"),
    ]


def ensure_demo(home: Path) -> None:
    """Make sure that every demo dataset stands under `{home}/store`, whole and of this version.

    What is there already isn't made again. Each file is the same, byte for byte, wherever it is
    made. An interrupted making is done anew by the next call. Holds about 100,000 rows.

    Raises SetupError if the home folder can't be written.
    """
    stamp = home / "demo-version.txt"
    files = [
        home / "store" / tenant / "datasets" / f"{name}.parquet"
        for tenant, names in _DATASETS.items()
        for name in names
    ]
    if _is_made(stamp, files):
        return
    private_folder(home)
    with exclusive(home / "demo.lock"):
        if _is_made(stamp, files):
            return
        try:
            stamp.unlink(missing_ok=True)
            for tenant in _DATASETS:
                folder = home / "store" / tenant
                private_folder(folder / "datasets")
                # First of all, so that what is private is never seen without it.
                if tenant in PRIVATE:
                    set_private(folder, dataset=PRIVATE[tenant], private=True)
            _write_all(files)
        except OSError as error:
            raise SetupError(f"The demo data can't be written: {error}.") from error
        replace_file(stamp, _STAMP)


_STAMP = f"{VERSION}\n".encode()


def _is_made(stamp: Path, files: Sequence[Path]) -> bool:
    try:
        return stamp.read_bytes() == _STAMP and all(path.is_file() for path in files)
    except OSError:
        return False


def _write_all(files: Sequence[Path]) -> None:
    # Wanted at the first start alone: later ones need not load it.
    from penstock.local.demo.files import write_files  # noqa: PLC0415 - rarely used, see above

    write_files(files)
