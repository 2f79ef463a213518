"""Content codings: which one a client gets, and the bytes in it."""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Protocol, get_args

import pyarrow as pa
from isal import isal_zlib

from penstock.errors import NotAcceptableError

Coding = Literal["zstd", "gzip", "identity"]

CODINGS: tuple[Coding, ...] = get_args(Coding)
"""Best first: what is taken where a client likes several equally."""

_BLOCK_BYTES = 262_144
_GZIP_WINDOW_BITS = 31
_FASTEST = 1


def negotiate(accept_encoding: str | None, *, worthwhile: bool) -> Coding:
    """Choose the coding of an answer (RFC 9110, section 12.5.3).

    Where coding isn't `worthwhile`, identity is taken unless the client refuses it.

    Raises NotAcceptableError if the client refuses identity and every coding there is.
    """
    if accept_encoding is None:
        return "identity"
    weights = _weights(accept_encoding)
    rest = weights.get("*")

    def weight(coding: Coding) -> float:
        default = rest if rest is not None else (1e-6 if coding == "identity" else 0.0)
        return weights.get(coding, default)

    if not worthwhile and weight("identity") > 0:
        return "identity"
    best = max(CODINGS, key=lambda coding: (weight(coding), -CODINGS.index(coding)))
    if weight(best) <= 0:
        raise NotAcceptableError(codings=CODINGS)
    return best


def coded(pieces: Iterable[bytes], coding: Coding) -> Iterator[bytes]:
    """Put pieces in a coding; the bytes depend on nothing but the pieces' bytes joined.

    Holds one block of 256 KiB and one piece. Blocks are cut at fixed places because a compressor's
    output may depend on how its input is cut.
    """
    if coding == "identity":
        yield from pieces
        return
    coder = _CODERS[coding]()
    for block in _blocks(pieces):
        if out := coder.code(block):
            yield out
    yield coder.end()


class _Coder(Protocol):
    def code(self, block: memoryview | bytes) -> bytes: ...

    def end(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = isal_zlib.compressobj(_FASTEST, isal_zlib.DEFLATED, _GZIP_WINDOW_BITS)

    def code(self, block: memoryview | bytes) -> bytes:
        return bytes(self._stream.compress(block))

    def end(self) -> bytes:
        return bytes(self._stream.flush())


class _Zstd:
    """One zstd frame, written by the codec inside Arrow."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._sink, "w"), "zstd")

    def code(self, block: memoryview | bytes) -> bytes:
        self._stream.write(block)
        return self._sink.take()

    def end(self) -> bytes:
        self._stream.close()
        return self._sink.take()


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def take(self) -> bytes:
        out = b"".join(self._written)
        self._written.clear()
        return out


_CODERS: dict[str, Callable[[], _Coder]] = {"gzip": _Gzip, "zstd": _Zstd}


def _blocks(pieces: Iterable[bytes]) -> Iterator[memoryview | bytes]:
    held = bytearray()
    for piece in pieces:
        rest = memoryview(piece)
        if held:
            taken = min(_BLOCK_BYTES - len(held), len(rest))
            held += rest[:taken]
            rest = rest[taken:]
            if len(held) == _BLOCK_BYTES:
                yield bytes(held)
                held.clear()
        while len(rest) >= _BLOCK_BYTES:
            yield rest[:_BLOCK_BYTES]
            rest = rest[_BLOCK_BYTES:]
        held += rest
    if held:
        yield bytes(held)


def _weights(header: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        quality = 1.0
        for parameter in parameters.split(";"):
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if name.strip():
            weights[name.strip()] = quality
    if "x-gzip" in weights:
        weights.setdefault("gzip", weights["x-gzip"])
    return weights
