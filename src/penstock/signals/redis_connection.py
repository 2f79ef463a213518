"""One connection to a Redis: what hints need of it is four commands.

https://redis.io/docs/latest/develop/pubsub/
"""

import re
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hiredis import HiredisError, Reader, ReplyError, pack_command

from penstock.errors import BusyError, SetupError
from penstock.signals.redis_place import RedisPlace

_MOST_HELD_BYTES = 16_777_216
"""Of one answer; nobody but a stranger says more here, and is heard no further."""
_MOST_AT_ONCE = 100
_READ_BYTES = 16_384
_CODE = re.compile("[A-Z]{2,24}")
_NOTHING = object()
"""What the reader gives while an answer isn't whole."""


class RedisRefusedError(Exception):
    """The server refused a command; the code is its word for why, such as WRONGPASS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


FAULTS = (OSError, ValueError, HiredisError, RedisRefusedError, BusyError, SetupError)
"""Whatever keeps hints from coming through. A host or a path may be none at all (ValueError)."""


def reason_of(error: BaseException) -> str:
    """Say why hints don't come through; no word of the server's own, nor any of its address."""
    match error:
        case RedisRefusedError():
            return error.code
        case SetupError():
            return error.detail.rstrip(".")
        case BusyError():
            return error.code
        case _:
            return type(error).__name__


class RedisConnection:
    """A connection for one thread, but for `interrupt`; made, and logged in, or an error of FAULTS.

    Whatever is asked of it is answered within `seconds`, or it raises one of FAULTS and can't be
    used any more. Holds 16 MiB, whatever the other side sends.
    """

    def __init__(self, place: RedisPlace, *, seconds: float) -> None:
        self._seconds = seconds
        self._reader = Reader(notEnoughData=_NOTHING)
        self._socket = _open(place, seconds)
        try:
            self._log_in(place)
        except BaseException:
            self._socket.close()
            raise

    def publish(self, hints: Sequence[tuple[str, bytes]]) -> None:
        """Send bodies to channels, all of them at once."""
        self._send(*((b"PUBLISH", channel.encode(), body) for channel, body in hints))
        for _ in hints:
            self._answer(self._seconds)

    def subscribe(self, channel: str) -> None:
        """Have messages of a channel come from now on; nothing else is sent then but `ping`."""
        self._send((b"SUBSCRIBE", channel.encode()))
        self._answer(self._seconds)

    def ping(self) -> None:
        """Ask for a sign of life, which comes among the messages and is none."""
        self._send((b"PING",))

    def messages(self, seconds: float) -> list[bytes] | None:
        """Give what has come, at most a hundred; None if nothing comes for so long."""
        with suppress(TimeoutError):
            if not self._reader.has_data():
                self._more(time.monotonic() + seconds)
        found: list[bytes] = []
        if not self._reader.has_data():
            return None
        while self._reader.has_data() and len(found) < _MOST_AT_ONCE:
            match self._answer(self._seconds):
                case [b"message", bytes(), bytes(body)]:
                    found.append(body)
                case _:
                    continue
        return found

    def interrupt(self) -> None:
        """Have whoever waits here wait no more; from any thread."""
        with suppress(OSError):
            # Not that of an encrypted socket, which takes its encryption away besides.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; closing twice changes nothing."""
        self._socket.close()

    def _log_in(self, place: RedisPlace) -> None:
        if place.password is None:
            return
        user = () if place.user is None else (place.user.encode(),)
        self._send((b"AUTH", *user, place.password.encode()))
        self._answer(self._seconds)

    def _send(self, *commands: tuple[bytes, ...]) -> None:
        self._socket.settimeout(self._seconds)
        # hiredis.pyi knows tuples of one word alone.
        packed = (pack_command(words) for words in commands)  # type: ignore[arg-type] # its stub
        self._socket.sendall(b"".join(packed))

    def _answer(self, seconds: float) -> Any:
        ends = time.monotonic() + seconds
        while (answer := self._reader.gets()) is _NOTHING:
            if self._reader.len() > _MOST_HELD_BYTES:
                raise ConnectionError
            self._more(ends)
        if isinstance(answer, ReplyError):
            code = _CODE.match(str(answer))
            raise RedisRefusedError(code[0] if code else "refused")
        return answer

    def _more(self, ends: float) -> None:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        piece = self._socket.recv(_READ_BYTES)
        if not piece:
            raise ConnectionResetError
        self._reader.feed(piece)


def _open(place: RedisPlace, seconds: float) -> socket.socket:
    if place.socket_file is not None:
        plain = socket.socket(socket.AF_UNIX)
        try:
            plain.settimeout(seconds)
            plain.connect(str(place.socket_file))
        except BaseException:
            plain.close()
            raise
        return plain
    plain = socket.create_connection((place.host, place.port), timeout=seconds)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not place.is_encrypted:
            return plain
        context = ssl.create_default_context(cafile=place.authorities)
        return context.wrap_socket(plain, server_hostname=place.host)
    except BaseException:
        plain.close()
        raise
