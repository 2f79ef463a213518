"""The log of the test's own process, which a function in it sets up for itself."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def log_as_it_was() -> Iterator[None]:
    """Undo, after the body, what a function does to the log of its process."""
    root, ours = logging.getLogger(), logging.getLogger("penstock")
    handlers, levels = root.handlers, (root.level, ours.level)
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
