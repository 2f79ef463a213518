"""Programs that download, and how each one tells that a download broke off."""

import io
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
from tests.aws.doors import Door
from tests.aws.findings import CheckFailedError

_PIECE_BYTES = 65_536
_CURL_BROKE = {
    16: "an error in HTTP/2's framing",
    18: "a part of the file",
    55: "the connection ended",
    56: "the connection ended",
    92: "the HTTP/2 stream was reset",
    95: "the HTTP/3 stream was reset",
}
"""Exit codes of a download that broke off (https://curl.se/libcurl/c/libcurl-errors.html)."""
_CURL_TIMED_OUT = 28
_CURL_COULD_NOT_WRITE = 23

Onto = Callable[[bytes], bool]
"""Takes a piece of a body; False ends the download."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A download that is over: it broke off, or ended as a whole one does, or was left."""

    status: int
    headers: Mapping[str, str]
    """By lower-case names."""
    broken: str | None
    """Why it counts as failed; None if the program takes it for whole."""


class Program(Protocol):
    """A way to download. Whoever waits for longer than it is patient learns nothing, and fails."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def take(
        self, door: Door, path: str, onto: Onto, *, headers: Mapping[str, str] | None = None
    ) -> Ended:
        """Download a path, piece by piece.

        Raises CheckFailedError if no answer begins, or it neither goes on nor breaks off.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Httpx:
    """httpx, over HTTP/1.1."""

    name: str = "httpx"
    patience_seconds: float = 180

    def take(
        self, door: Door, path: str, onto: Onto, *, headers: Mapping[str, str] | None = None
    ) -> Ended:
        url, sent = door.prepared(path, headers)
        ends = time.monotonic() + self.patience_seconds
        answer: httpx.Response | None = None
        broken = None
        try:
            with door.client.stream(
                "GET", url, headers=sent, timeout=self.patience_seconds
            ) as answer:
                for piece in answer.iter_raw(_PIECE_BYTES):
                    if not onto(piece):
                        break
                    if time.monotonic() > ends:
                        raise _endless(self, path)
        except httpx.TimeoutException as error:
            raise _endless(self, path) from error
        except httpx.TransportError as error:
            if answer is None:
                raise CheckFailedError(f"{path} got no answer: {error!r}") from error
            broken = f"{type(error).__name__}: {error}"
        return Ended(status=answer.status_code, headers=dict(answer.headers.items()), broken=broken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curl:
    """curl, over HTTP/2 where the service offers it."""

    name: str = "curl"
    patience_seconds: float = 180

    def take(
        self, door: Door, path: str, onto: Onto, *, headers: Mapping[str, str] | None = None
    ) -> Ended:
        url, sent = door.prepared(path, headers)
        with tempfile.TemporaryDirectory() as folder:
            heads = Path(folder) / "heads"
            # On standard input, so that no signature stands in the list of processes.
            config = [f'url = "{url}"', f'dump-header = "{heads}"', "ipv4", "no-buffer", "silent"]
            config += [f"max-time = {self.patience_seconds}", "globoff", "path-as-is"]
            config += [f'header = "{_escaped(f"{name}: {value}")}"' for name, value in sent.items()]
            code, was_left = _run(["curl", "-q", "--config", "-"], "\n".join(config), onto)
            head = heads.read_text(encoding="latin-1") if heads.exists() else ""
        if code == _CURL_TIMED_OUT:
            raise _endless(self, path)
        status, found = _parsed(head)
        whole = code == 0 or (was_left and code in {_CURL_COULD_NOT_WRITE, *_CURL_BROKE})
        if status == 0 or not (whole or code in _CURL_BROKE):
            raise CheckFailedError(f"{path} got no answer: curl ended with {code}.")
        broken = None if whole else f"exit code {code}: {_CURL_BROKE[code]}"
        return Ended(status=status, headers=found, broken=broken)


def _run(command: list[str], config: str, onto: Onto) -> tuple[int, bool]:
    """Run curl with its output going onto `onto`; gives its exit code, and whether it was left."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert isinstance(process.stdout, io.BufferedReader)
        try:
            process.stdin.write(config.encode())
            process.stdin.close()
            while piece := process.stdout.read1(_PIECE_BYTES):
                if not onto(piece):
                    process.stdout.close()
                    return process.wait(), True
            return process.wait(), False
        except BaseException:
            process.kill()
            raise


def _parsed(head: str) -> tuple[int, dict[str, str]]:
    """Read the last of the heads that curl wrote: status 0 if there is none."""
    blocks = [block for block in head.replace("\r\n", "\n").split("\n\n") if block.strip()]
    if not blocks:
        return 0, {}
    first, *lines = blocks[-1].split("\n")
    pairs = [line.partition(":") for line in lines]
    words = first.split(" ")
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    return status, {name.lower(): value.strip() for name, _, value in pairs}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _endless(program: Program, path: str) -> CheckFailedError:
    return CheckFailedError(
        f"{program.name} waited for {path} until its patience was over: it neither went on nor "
        "broke off, and a client without a time-out would wait for good."
    )
