"""Workers: threads that all streams share for work that is done batch by batch."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """A bounded number of threads; thread-safe."""

    def __init__(self, *, threads: int) -> None:
        self._depth = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")

    def in_order(
        self,
        work: Callable[[T], R],
        items: Iterable[T],
        *,
        may_run_ahead: Callable[[], bool],
    ) -> Generator[R]:
        """Give the results of work on items, in their order, while later ones are worked on.

        Holds an item or a result for each thread; just one, and none while the next item is
        waited for, unless `may_run_ahead`. The first result comes before a second item is asked
        for. An error of the work or of `items` is raised in its place.
        """
        begun: deque[Future[R]] = deque()
        try:
            ahead = 0
            for item in items:
                begun.append(self._pool.submit(work, item))
                del item
                while begun and (len(begun) > ahead or not may_run_ahead()):
                    yield begun.popleft().result()
                ahead = self._depth - 1
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()

    def close(self) -> None:
        """End the threads once their work is done."""
        self._pool.shutdown(cancel_futures=True)
