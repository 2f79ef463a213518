"""Outputs that tell of each step, so that a test can do something before it is taken."""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from penstock.ports import Outputs

Before = Callable[[str, str], None]
"""Is called with a step's name and the file that it is about."""


@dataclass
class Stepped:
    """Outputs that tell of each step before it is taken, and of what was written after it."""

    outputs: Outputs
    before: Before

    def write(self, tenant: str, path: str, pieces: Iterable[bytes]) -> None:
        self.before("write", path)
        self.outputs.write(tenant, path, self._told(path, pieces))
        self.before("written", path)

    def _told(self, path: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        is_first = True
        for piece in pieces:
            yield piece
            if is_first:
                self.before("half written", path)
            is_first = False

    def create(self, tenant: str, path: str, content: bytes) -> bool:
        self.before("create", path)
        made = self.outputs.create(tenant, path, content)
        self.before("created", path)
        return made

    def read(self, tenant: str, path: str, *, max_bytes: int) -> bytes | None:
        self.before("read", path)
        return self.outputs.read(tenant, path, max_bytes=max_bytes)

    def remove(self, tenant: str, folder: str, *, keep: Container[str] = ()) -> None:
        self.before("remove", folder)
        self.outputs.remove(tenant, folder, keep=keep)
        self.before("removed", folder)

    def link(self, tenant: str, path: str, *, file_name: str, seconds: int) -> str | None:
        return self.outputs.link(tenant, path, file_name=file_name, seconds=seconds)


def once(step: str, name: str, act: Callable[[], None]) -> Before:
    """Act before the first step of this kind on a file of this name."""
    left = [act]

    def before(taken: str, path: str) -> None:
        if taken == step and path.endswith(name) and left:
            left.pop()()

    return before
