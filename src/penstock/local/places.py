"""Where things stand in a home folder."""

from pathlib import Path


def database_path(home: Path) -> Path:
    """Where keys and receipts are stored."""
    return home / "penstock.sqlite"


def tenants_path(home: Path) -> Path:
    """Where tenants and their hosts are listed."""
    return home / "tenants.json"


def store_path(home: Path) -> Path:
    """Where tenants' datasets are stored."""
    return home / "store"
