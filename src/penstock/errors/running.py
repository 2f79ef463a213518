"""Errors of running: the service, a command or a function can't start or go on."""

from penstock.errors.root import PenstockError


class SetupError(PenstockError):
    """The service or a command can't start; the detail is one line for the terminal."""

    code = "setup"


class RuntimeApiError(PenstockError):
    """The Runtime API can't be reached, refuses, or nobody takes the answer any more."""

    code = "runtime-api"


class FunctionError(PenstockError):
    """An invoked function failed or broke its answer off; `kind` is the type that Lambda names."""

    code = "function"

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail, kind=kind)
        self.kind = kind


class TransferError(PenstockError):
    """The client could not complete a download; the detail is one line for the terminal."""

    code = "transfer"
