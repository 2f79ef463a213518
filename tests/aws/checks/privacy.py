"""Privacy: what a key opens is opened by that key alone, and kept nowhere for others."""

from tests.aws.doors import Door
from tests.aws.findings import require

_OK = 200
_UNAUTHORISED = 401
_NOT_FOUND = 404


def private_data_stays_private(edge: Door, path: str, *, key: str, truth: bytes) -> list[str]:
    """Ask for a private dataset without its key and with it, in turn, and then with a wrong one.

    Gives what the edge said of its cache.

    Raises CheckFailedError.
    """
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    said = []
    for presented, status in (
        (None, _NOT_FOUND),
        (key, _OK),
        (None, _NOT_FOUND),
        (wrong, _UNAUTHORISED),
        (key, _OK),
        (None, _NOT_FOUND),
    ):
        who = "no key" if presented is None else "its key" if presented == key else "a wrong key"
        answer = edge.ask(path, {} if presented is None else {"x-api-key": presented})
        require(answer.status == status, f"With {who}, {path} is answered with {answer.status}.")
        require(not answer.is_hit, f"With {who}, {path} comes out of the edge's cache.")
        if status == _OK:
            require(answer.decoded == truth, f"With {who}, {path} holds other rows.")
            control = str(answer.headers.get("cache-control", ""))
            require("no-store" in control, f"{path} may be kept: “{control}”.")
        said.append(f"{who}: {answer.status}, {answer.from_cache}")
    return said
