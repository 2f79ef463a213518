"""API keys and signing keys in SQLite."""

import secrets
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from penstock.errors import SetupError
from penstock.local.database import Database
from penstock.model.key import LIVE_KEYS, ApiKey
from penstock.model.signature import LIVE_SIGNING_KEYS, SigningKey

_SCHEMA = """
CREATE TABLE IF NOT EXISTS api_key (
    prefix TEXT PRIMARY KEY,
    secret_sha256 TEXT NOT NULL,
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT,
    revoked TEXT
);
CREATE INDEX IF NOT EXISTS api_key_by_tenant ON api_key (tenant);
CREATE TABLE IF NOT EXISTS signing_key (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    secret BLOB NOT NULL,
    UNIQUE (tenant, id)
)
"""

_COLUMNS = "prefix, secret_sha256, tenant, user, role, created, expires, revoked"


class SqliteKeys:
    """Tables api_key(prefix, secret_sha256, tenant, user, role, …) and signing_key(tenant, id, …).

    Times are ISO 8601 text. Every change is one transaction that is alone in writing, so rules hold
    between processes too.
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._database = Database(path, schema=_SCHEMA, durable=True)

    def find(self, prefix: str) -> ApiKey | None:
        found = self._database.rows(f"SELECT {_COLUMNS} FROM api_key WHERE prefix = ?", (prefix,))
        return _api_key(found[0]) if found else None

    def add(self, key: ApiKey) -> None:
        with self._database.writing() as connection:
            stored = connection.execute(
                f"SELECT {_COLUMNS} FROM api_key WHERE tenant = ? AND user = ?",
                (key.tenant, key.user),
            )
            now = self._now()
            live = [other.prefix for other in map(_api_key, stored) if other.is_live(now)]
            if len(live) >= LIVE_KEYS:
                raise SetupError(
                    f"“{key.user}” of tenant “{key.tenant}” has {len(live)} live keys already "
                    f"({', '.join(live)}): revoke one first."
                )
            try:
                connection.execute(
                    f"INSERT INTO api_key ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _row(key)
                )
            except sqlite3.IntegrityError as error:
                raise SetupError(
                    f"The key prefix “{key.prefix}” is taken: make the key anew."
                ) from error

    def list(self, tenant: str) -> list[ApiKey]:
        stored = self._database.rows(
            f"SELECT {_COLUMNS} FROM api_key WHERE tenant = ? ORDER BY rowid", (tenant,)
        )
        return sorted(map(_api_key, stored), key=lambda key: key.created)

    def revoke(self, tenant: str, prefix: str) -> ApiKey:
        now = self._now()
        with self._database.writing() as connection:
            found = connection.execute(
                f"SELECT {_COLUMNS} FROM api_key WHERE tenant = ? AND prefix = ?", (tenant, prefix)
            ).fetchall()
            if not found:
                raise SetupError(f"Tenant “{tenant}” has no key “{prefix}”.")
            key = _api_key(found[0])
            if not key.is_live(now):
                return key
            connection.execute(
                "UPDATE api_key SET revoked = ? WHERE prefix = ?", (now.isoformat(), prefix)
            )
            (row,) = connection.execute(
                f"SELECT {_COLUMNS} FROM api_key WHERE prefix = ?", (prefix,)
            )
            return _api_key(row)

    def signing_keys(self, tenant: str) -> tuple[SigningKey, ...]:
        stored = self._database.rows(_NEWEST_SIGNING_KEYS, (tenant, LIVE_SIGNING_KEYS))
        if not stored:
            with self._database.writing() as connection:
                # Another process may have made the first one meanwhile: all must get the same.
                if not connection.execute(_NEWEST_SIGNING_KEYS, (tenant, 1)).fetchall():
                    _add_signing_key(connection, tenant)
            stored = self._database.rows(_NEWEST_SIGNING_KEYS, (tenant, LIVE_SIGNING_KEYS))
        return tuple(SigningKey(id=key_id, secret=secret) for key_id, secret in stored)

    def rotate_signing_key(self, tenant: str) -> SigningKey:
        """Make a new signing key, which signs from now on; of the older ones the newest stays."""
        with self._database.writing() as connection:
            key = _add_signing_key(connection, tenant)
            connection.execute(
                "DELETE FROM signing_key WHERE tenant = ? AND place NOT IN"
                " (SELECT place FROM signing_key WHERE tenant = ? ORDER BY place DESC LIMIT ?)",
                (tenant, tenant, LIVE_SIGNING_KEYS),
            )
        return key

    def close(self) -> None:
        """Close the database."""
        self._database.close()


_NEWEST_SIGNING_KEYS = (
    "SELECT id, secret FROM signing_key WHERE tenant = ? ORDER BY place DESC LIMIT ?"
)


def _add_signing_key(connection: sqlite3.Connection, tenant: str) -> SigningKey:
    key = SigningKey(id=secrets.token_hex(4), secret=secrets.token_bytes(32))
    connection.execute(
        "INSERT INTO signing_key (tenant, id, secret) VALUES (?, ?, ?)",
        (tenant, key.id, key.secret),
    )
    return key


def _row(key: ApiKey) -> tuple[str | None, ...]:
    return (
        key.prefix,
        key.secret_sha256,
        key.tenant,
        key.user,
        key.role,
        key.created.isoformat(),
        key.expires.isoformat() if key.expires else None,
        key.revoked.isoformat() if key.revoked else None,
    )


def _api_key(row: Any) -> ApiKey:
    prefix, secret_sha256, tenant, user, role, created, expires, revoked = row
    return ApiKey(
        prefix=prefix,
        secret_sha256=secret_sha256,
        tenant=tenant,
        user=user,
        role=role,
        created=datetime.fromisoformat(created),
        expires=datetime.fromisoformat(expires) if expires else None,
        revoked=datetime.fromisoformat(revoked) if revoked else None,
    )
