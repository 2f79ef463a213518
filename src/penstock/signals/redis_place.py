"""Where a Redis is, and who one is there: read from a URL, which is a secret as a whole."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from penstock.errors import SetupError

_PORT = 6379
_FORM = (
    "The URL of Redis is none: write redis://HOST:PORT, rediss://USER:PASSWORD@HOST:PORT or "
    "unix:///PATH"
)
_AUTHORITIES = "ssl_ca_certs"
"""The one parameter that a URL may have; clients of Redis call it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPlace:
    """A server's address, or its socket file; `password` and `user` are shown nowhere."""

    host: str = ""
    port: int = _PORT
    socket_file: Path | None = None
    is_encrypted: bool = False
    authorities: Path | None = None
    """A file of the certificates that vouch for the server, in place of the system's."""
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def redis_place(url: str) -> RedisPlace:
    """Read a URL; the number of a database is passed over, since channels belong to none.

    With `rediss` the server's certificate is verified: no URL switches that off.

    Raises SetupError, in which nothing of the URL stands.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORT
        authorities = _authorities(parts)
    except ValueError as error:
        raise SetupError(f"{_FORM}; {_AUTHORITIES} is the only parameter.") from error
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if parts.scheme == "unix" and parts.path and not parts.hostname:
        return RedisPlace(socket_file=Path(unquote(parts.path)), user=user, password=password)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise SetupError(f"{_FORM}.")
    if authorities is not None and parts.scheme == "redis":
        raise SetupError(f"{_FORM}; {_AUTHORITIES} is for rediss:// alone.")
    return RedisPlace(
        host=parts.hostname,
        port=port,
        is_encrypted=parts.scheme == "rediss",
        authorities=authorities,
        user=user,
        password=password,
    )


def _authorities(parts: SplitResult) -> Path | None:
    given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    if any(name != _AUTHORITIES for name, _ in given) or len(given) > 1:
        raise ValueError("an unknown parameter")
    return Path(given[0][1]) if given else None
