"""How a tenant's database is connected to: what a connection string must say, and verified TLS."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import conninfo

from penstock.errors import PermanentError

_TRUSTED = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Amazon Linux, Fedora
    "/etc/ssl/cert.pem",  # macOS, BSD
)
"""Where systems keep their trusted roots; libpq's own default is a file in the user's home."""

_NO_FILE = "/dev/null/none"
"""A path that no file can have: keeps libpq from looking passwords up in the user's home."""


def verified(
    connection_string: str, *, application: str, connect_seconds: int
) -> Mapping[str, str]:
    """Give the parameters of libpq's for a connection string, TLS verified and nothing guessed.

    What isn't on this machine (a socket or a loopback address) is reached with sslmode=verify-full
    and the system's trusted roots, unless the string names others. Host, user and database are the
    string's own: variables such as PGHOST or PGPASSWORD, and ~/.pgpass, never take their place.
    A dead peer is noticed within about a minute.

    Raises PermanentError, which repeats nothing of the string, if it can't be read, lacks one of
    the three, names a service, or asks for less than verified TLS.
    """
    try:
        given = {
            name: str(value)
            for name, value in conninfo.conninfo_to_dict(connection_string).items()
            if value is not None
        }
    except psycopg.Error:
        # libpq repeats the string, password and all, in what it says about it.
        raise _unusable("can't be read") from None
    for name in ("host", "user", "dbname"):
        if not given.get(name):
            raise _unusable(f"doesn't name its {name}")
    for name in ("service", "servicefile"):
        if name in given:
            raise _unusable(f"names a {name}, and must say itself what it connects to")
    tls = {"sslmode": "prefer"} if _is_local(given) else _verify_full(given)
    return {
        "password": "",
        "passfile": _NO_FILE,
        "options": "",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "60000",
        **tls,
        **given,
        "gssencmode": "disable",
        "client_encoding": "utf8",
        "application_name": application,
        "connect_timeout": str(connect_seconds),
    }


def _verify_full(given: Mapping[str, str]) -> dict[str, str]:
    if given.get("sslmode", "verify-full") != "verify-full":
        raise _unusable(
            f"asks for sslmode={given['sslmode']}: what isn't on this machine is reached with "
            "sslmode=verify-full alone"
        )
    roots = next((path for path in _TRUSTED if Path(path).is_file()), "system")
    return {"sslmode": "verify-full", "sslrootcert": roots}


def _is_local(given: Mapping[str, str]) -> bool:
    # libpq connects to hostaddr where both are given, and takes several of either by commas.
    hosts = (given.get("hostaddr") or given["host"]).split(",")
    return all(_is_here(host.strip()) for host in hosts)


def _is_here(host: str) -> bool:
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unusable(why: str) -> PermanentError:
    return PermanentError(f"The connection string of the tenant's database {why}.")
