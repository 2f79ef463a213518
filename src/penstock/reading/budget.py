"""Budgets: end a read before it costs more than its tenant may spend.

A stage lets go of what it has passed on (`del`) before it waits for the next item: with 50 slow
readers, a batch that is held in each stage would be hundreds of megabytes.
"""

from collections.abc import Iterable, Iterator

from penstock.errors import BudgetExceededError
from penstock.reading.reader import Batch


def within_rows(batches: Iterable[Batch], *, max_rows: int | None) -> Iterator[Batch]:
    """Pass batches on, in order, while their rows together stay within max_rows.

    Lazy: holds one batch. Raises BudgetExceededError in place of the first batch that would cross.
    """
    seen = 0
    for batch in batches:
        seen += batch.rows.num_rows
        if max_rows is not None and seen > max_rows:
            raise BudgetExceededError(limit=max_rows, reached=seen, unit="rows")
        yield batch
        del batch


def within_bytes(pieces: Iterable[bytes], *, max_bytes: int | None) -> Iterator[bytes]:
    """Pass encoded pieces on, in order, while they stay within max_bytes together.

    Lazy: holds one piece. Raises BudgetExceededError in place of the first piece that would cross.
    """
    sent = 0
    for piece in pieces:
        sent += len(piece)
        if max_bytes is not None and sent > max_bytes:
            raise BudgetExceededError(limit=max_bytes, reached=sent)
        yield piece
        del piece
