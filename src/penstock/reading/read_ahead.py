"""Reading ahead: a stage of a stream in a thread of its own, so that stages run side by side."""

import queue
import threading
import traceback
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
    in its place. Closing this iterator stops the thread at its next item and waits for it. What
    `items` holds is released by then, and when an error is raised: its traceback names the places,
    without their variables.
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
            # A frame of the traceback may hold a stage that waits, such as another thread and its
            # query, for as long as the error lives.
            traceback.clear_frames(caught.__traceback__)
        finally:
            if isinstance(source, Generator):
                source.close()
        hand_over(_End(error))
        # The traceback holds this frame: together they would be left to the collector of cycles.
        del error

    thread = threading.Thread(target=pull, name="ahead", daemon=True)
    thread.start()
    try:
        while isinstance(item := waiting.get(), _Item):
            value = item.value
            del item
            yield value
            del value
        error = item.error
        del item
        if error is not None:
            try:
                raise error
            finally:
                # The same cycle, on this side.
                del error
    finally:
        left.set()
        thread.join()
