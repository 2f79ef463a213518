"""Reading ahead: a stage of a stream in a thread of its own, so that stages run side by side."""

import queue
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


def ahead(items: Iterable[T], *, depth: int) -> Generator[T]:
    """Pass items on in order while a background thread pulls the next ones.

    Holds at most `depth` items, one more on each side of them. An error of `items` is raised here
    in its place. Closing this iterator stops the thread at its next item and waits for it, so that
    what `items` holds is released when this returns.
    """
    waiting: queue.Queue[_Item[T] | _End] = queue.Queue(depth)
    left = threading.Event()

    def hand_over(item: _Item[T] | _End) -> bool:
        while not left.is_set():
            try:
                waiting.put(item, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def pull() -> None:
        source = iter(items)
        error: BaseException | None = None
        try:
            for item in source:
                if not hand_over(_Item(item)):
                    break
                # What has been handed over isn't held while the next one is waited for.
                del item
        except BaseException as caught:  # noqa: BLE001 - it is raised on the other side
            error = caught
        finally:
            if isinstance(source, Generator):
                source.close()
        hand_over(_End(error))

    thread = threading.Thread(target=pull, name="ahead", daemon=True)
    thread.start()
    try:
        while isinstance(item := waiting.get(), _Item):
            value = item.value
            del item
            yield value
            del value
        if item.error is not None:
            raise item.error
    finally:
        left.set()
        thread.join()
