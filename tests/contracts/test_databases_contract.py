"""What every adapter of Databases promises."""

import pytest
from tests.job_homes import DatabasesHome

from penstock.errors import NoDatabaseError

ACME = "postgresql://reader:s3cret%40@db.acme.example:5432/acme?sslmode=verify-full"
RIVER = "postgresql://reader@db.river.example/river"


def test_a_tenant_without_a_database_has_none(databases: DatabasesHome) -> None:
    with pytest.raises(NoDatabaseError):
        databases.databases.connection_string("acme")


def test_a_tenant_gets_its_own_and_never_anothers(databases: DatabasesHome) -> None:
    databases.put("acme", ACME)
    assert databases.databases.connection_string("acme") == ACME
    for other in ("river", "acm", "acme-2", "", "..", "ACME"):
        with pytest.raises(NoDatabaseError):
            databases.databases.connection_string(other)
    databases.put("river", RIVER)
    assert databases.databases.connection_string("river") == RIVER
    assert databases.databases.connection_string("acme") == ACME
