"""Publishing: writing a new version of a dataset into a store."""

import os
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from penstock.errors import SetupError
from penstock.local.atomic import replace_file, sync_folder
from penstock.model.dataset import is_dataset_name
from penstock.model.manifest import Manifest, Part
from penstock.model.tenant import is_tenant_id
from penstock.reading.dataset_files import GROUP_BYTES, GROUP_ROWS, dataset_writer
from penstock.reading.manifest import CURRENT, MANIFEST, is_version


def publish(
    root: Path,
    *,
    tenant: str,
    dataset: str,
    version: str,
    parts: Iterable[pa.Table],
    published: datetime,
) -> None:
    """Write a version and serve it from then on; older versions stay stored.

    Each table becomes one part, with a page index; they share one schema, and the rows' order stays
    theirs. Pulls one table at a time and holds it. The manifest comes after the parts and `current`
    last: whoever reads meanwhile gets the old version, also where this fails, which leaves nothing.

    Raises SetupError if a name can't be one, the version is there already, `parts` is empty, or
    nothing can be written.
    """
    if not (is_tenant_id(tenant) and is_dataset_name(dataset) and is_version(version)):
        raise SetupError(f"“{tenant}/{dataset}/{version}” can't name a dataset's version.")
    folder = root / tenant / "datasets" / dataset
    place = folder / version
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place.mkdir()
    except OSError as error:
        raise SetupError(f"{place} can't be made: {error.strerror}.") from error
    try:
        written = tuple(_write(place, number, table) for number, table in enumerate(parts))
        _refuse_no_parts(written, dataset=dataset)
        manifest = Manifest(version=version, published=published, parts=written)
        replace_file(place / MANIFEST, manifest.model_dump_json().encode(), mode=0o644)
        sync_folder(folder)
        replace_file(folder / CURRENT, f"{version}\n".encode(), mode=0o644)
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise SetupError(f"{place} can't be written: {error.strerror}.") from error
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _refuse_no_parts(written: tuple[Part, ...], *, dataset: str) -> None:
    if not written:
        raise SetupError(f"A version of “{dataset}” needs at least one part.")


def _write(place: Path, number: int, table: pa.Table) -> Part:
    path = place / f"part-{number:05}.parquet"
    rows = min(GROUP_ROWS, table.num_rows * GROUP_BYTES // max(table.nbytes, 1))
    with dataset_writer(path, table.schema) as writer:
        writer.write_table(table, row_group_size=max(rows, 1))
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return Part(name=path.name, size_bytes=path.stat().st_size)
