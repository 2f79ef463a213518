"""How a tenant's database is connected to: what a connection string must say, and verified TLS."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import conninfo, pq

from penstock.errors import PermanentError

_TRUSTED = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Amazon Linux, Fedora
    "/etc/ssl/cert.pem",  # macOS, BSD
)
"""Where systems keep their trusted roots; libpq's own default is a file in the user's home."""

_NO_FILE = "/dev/null/none"
"""A path that no file can have: keeps libpq from looking things up in the user's home."""

_SAID: Mapping[str, str] = {
    "hostaddr": "",
    "port": "5432",
    "password": "",
    "passfile": _NO_FILE,
    "options": "",
    "channel_binding": "prefer",
    "requirepeer": "",
    "require_auth": "none,password,md5,scram-sha-256,gss,sspi",  # all that needs nobody to be asked
    "target_session_attrs": "any",
    "load_balance_hosts": "disable",
    "min_protocol_version": "3.0",
    "max_protocol_version": "3.0",
    "sslnegotiation": "postgres",
    "sslcompression": "0",
    "sslcert": "",
    "sslkey": "",
    "sslcertmode": "disable",
    "sslrootcert": _NO_FILE,
    "sslcrl": "",
    "sslcrldir": "",
    "sslsni": "1",
    "ssl_min_protocol_version": "TLSv1.2",
    "ssl_max_protocol_version": "",
    "krbsrvname": "postgres",
    "gsslib": "",
    "gssdelegation": "0",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""What counts where a string is silent: libpq's own defaults, but for files and keepalives.

It would look for each in the environment first ("Environment Variables" in its manual).
"""

_NAMES_A_SERVICE = "PGSERVICE"
"""libpq looks it up before anything else, and nothing in a string takes its place."""


def verified(
    connection_string: str, *, application: str, connect_seconds: int
) -> Mapping[str, str]:
    """Give the parameters of libpq's for a connection string, TLS verified and nothing guessed.

    What isn't on this machine (a socket or a loopback address) is reached with sslmode=verify-full
    and the system's trusted roots, unless the string names others. Host, user and database are the
    string's own, and where it is silent nothing else speaks: no variable of libpq's, such as
    PGHOSTADDR or PGPASSWORD, and no file in the user's home. A dead peer is noticed within about a
    minute.

    Raises PermanentError, which repeats nothing of the string, if it can't be read, lacks one of
    the three, asks for less than verified TLS, or if it or PGSERVICE names a service.
    """
    if _NAMES_A_SERVICE in os.environ:
        raise PermanentError(
            f"The variable {_NAMES_A_SERVICE} is set where the service runs, and a tenant's "
            "database is never connected to by what it names: unset it."
        )
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
    known = {default.keyword.decode() for default in pq.Conninfo.get_defaults()}
    return {
        **{name: value for name, value in _SAID.items() if name in known},
        **_tls(given),
        **given,
        "gssencmode": "disable",
        "client_encoding": "utf8",
        "application_name": application,
        "connect_timeout": str(connect_seconds),
    }


def _tls(given: Mapping[str, str]) -> dict[str, str]:
    asked = given.get("sslmode")
    if not _is_local(given) and asked not in (None, "verify-full"):
        raise _unusable(
            f"asks for sslmode={asked}: what isn't on this machine is reached with "
            "sslmode=verify-full alone"
        )
    # Who names a certificate means to show it; nothing else makes libpq show one.
    said = {"sslcertmode": "allow"} if given.get("sslcert") else {}
    if _is_local(given) and asked not in ("verify-ca", "verify-full"):
        return {**said, "sslmode": "prefer"}
    roots = next((path for path in _TRUSTED if Path(path).is_file()), "system")
    return {**said, "sslmode": "verify-full", "sslrootcert": roots}


def _is_local(given: Mapping[str, str]) -> bool:
    """Whether libpq connects to this machine alone, by the string; it is told all that it says.

    It takes several hosts by commas, and an address in place of the host that has one.
    """
    hosts = given["host"].split(",")
    addresses = (given.get("hostaddr") or "," * (len(hosts) - 1)).split(",")
    return len(addresses) == len(hosts) and all(
        _is_here(address or host) for host, address in zip(hosts, addresses, strict=True)
    )


def _is_here(host: str) -> bool:
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unusable(why: str) -> PermanentError:
    return PermanentError(f"The connection string of the tenant's database {why}.")
