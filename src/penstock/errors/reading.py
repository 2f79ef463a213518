"""Errors of reading: a stored file was replaced or can't be read, or the read was stopped."""

from penstock.errors.root import PenstockError


class DatasetChangedError(PenstockError):
    """The stored file was replaced while it was being read: one response is one snapshot."""

    code = "dataset-changed"

    def __init__(self, dataset: str) -> None:
        super().__init__(
            f"“{dataset}” was replaced while it was being read: ask again.", dataset=dataset
        )


class DatasetDamagedError(PenstockError):
    """The stored file can't be read; `reason` is the reader's own, without any path."""

    code = "dataset-damaged"

    def __init__(self, dataset: str, *, reason: str) -> None:
        super().__init__(f"“{dataset}” can't be read as it is stored: {reason}", dataset=dataset)
        self.reason = reason


class UnreadableColumnError(DatasetDamagedError):
    """A column holds values that would be read as others; `why` says it, and how to mend it."""

    code = "unreadable-column"

    def __init__(self, dataset: str, *, column: str, column_type: str, why: str) -> None:
        super().__init__(dataset, reason=f"column “{column}” ({column_type}) {why}")
        self.facts = {**self.facts, "column": column, "column_type": column_type}


class ScanCancelledError(PenstockError):
    """The client left, or the service stops: the scan was ended early."""

    code = "scan-cancelled"

    def __init__(self) -> None:
        super().__init__("The scan was stopped before its end.")
