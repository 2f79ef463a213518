"""What `penstock serve PATH` serves: the Parquet files there, and the CSV files converted."""

from pathlib import Path

from penstock.errors import SetupError
from penstock.local.datasets.catalog import FileCatalog, folder_catalog
from penstock.local.datasets.convert import convert_folder
from penstock.local.tenants.alone import LOCAL_TENANT
from penstock.reading.engine import Engine

_CONVERTED_SUFFIX = ".csv"


def served_catalog(path: Path, *, home: Path, engine: Engine, null_text: str | None) -> FileCatalog:
    """Convert what is CSV, once, and give the catalog of all; one bad file stops no other.

    Raises SetupError if the path can't be read, or the home folder can't be written.
    """
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError as error:
        raise SetupError(f"{path} can't be read: {error.strerror}.") from error
    outcomes = convert_folder(
        [file for file in files if file.suffix.lower() == _CONVERTED_SUFFIX],
        home=home,
        null_text=null_text,
    )
    converted = {file.name: made for file, made in outcomes.items() if isinstance(made, Path)}
    problems = {
        file.name: failed.detail
        for file, failed in outcomes.items()
        if isinstance(failed, SetupError)
    }
    return folder_catalog(
        path,
        tenant=LOCAL_TENANT,
        engine=engine,
        converted=converted,
        problems=problems,
    )
