"""moto's server, which answers one request at a time: what it does for two at once isn't atomic.

python tests/moto_in_turn.py PORT
"""

import copy
import sys
import threading
from collections.abc import Iterable
from typing import Any, cast

from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

_NEVER_CHANGED = frozenset({"S", "N", "B", "BOOL", "NULL"})
"""Types whose values moto replaces, and doesn't change."""


def main() -> None:
    """Serve until killed."""
    # Each transaction copies its whole table: of what is never changed, the copy may be the thing.
    setattr(Item, "__deepcopy__", _copied)  # noqa: B010 - not an assignment that types allow
    moto = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def in_turn(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with turn:
            answer: Iterable[bytes] = moto(environ, start_response)
            return answer

    # In threads, since a connection may stay open between its requests.
    run_simple("127.0.0.1", int(sys.argv[1]), in_turn, threaded=True)


def _copied(item: Item, memo: dict[int, Any]) -> Item:
    made = cast("Item", Item.__new__(Item))
    made.hash_key, made.range_key = item.hash_key, item.range_key
    made.attrs = LimitedSizeDict.__new__(LimitedSizeDict)
    # Past its own ways to add something, which add up all sizes each time.
    dict.update(
        made.attrs, {name: _of_attribute(value, memo) for name, value in item.attrs.items()}
    )
    return made


def _of_attribute(value: DynamoType, memo: dict[int, Any]) -> DynamoType:
    return value if value.type in _NEVER_CHANGED else copy.deepcopy(value, memo)


if __name__ == "__main__":
    main()
