"""Home layout: where things stand in a home folder."""

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


def jobs_path(home: Path) -> Path:
    """Where jobs, their events and their queue are stored."""
    return home / "jobs.sqlite"


def installation_path(home: Path) -> Path:
    """Where it is written what tells this home from all others."""
    return home / "installation.txt"


def databases_path(home: Path) -> Path:
    """Where it is written how to connect to tenants' databases."""
    return home / "databases.json"
