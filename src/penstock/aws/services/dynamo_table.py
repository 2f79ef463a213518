"""A table of DynamoDB with a partition key and a sort key, and how its writes may fail."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from botocore.exceptions import ClientError

from penstock.aws.services.record_failures import as_busy, code_of
from penstock.errors import ContendedError

PLACE = "place"
PART = "part"
"""The partition key and the sort key, both texts."""

Item: TypeAlias = Mapping[str, Mapping[str, Any]]
Key: TypeAlias = tuple[str, str]
"""A place and a part."""

_Done = TypeVar("_Done")

_GOT_AT_ONCE = 100
_WRITTEN_AT_ONCE = 25
"""The most items of a BatchGetItem and of a BatchWriteItem."""

_ATTEMPTS = 6
_FIRST_WAIT_SECONDS = 0.02
_CONFLICTS = frozenset(
    {"TransactionConflict", "TransactionConflictException", "ReplicatedWriteConflictException"}
)


class ConditionFailedError(Exception):
    """A condition failed, and nothing was written.

    `stored` has, for each write in its order, the item as it was found where that write's own
    condition failed: {} if there was none, and None for a write that was not at fault.
    """

    def __init__(self, stored: Sequence[Item | None]) -> None:
        super().__init__("a condition failed")
        self.stored = stored


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemWrite:
    """A change of one item; in expressions, `#name` is an attribute and `:name` a value.

    An `operation` is Put, Update or Delete. `names` are attributes that expressions name.
    """

    operation: str
    place: str
    part: str
    item: Item = field(default_factory=dict)
    """What a Put stores besides its key."""
    update: str = ""
    condition: str = ""
    names: frozenset[str] = frozenset()
    values: Item = field(default_factory=dict)

    def asked(self, table: str) -> dict[str, Any]:
        """Give what DynamoDB is asked; a condition that fails has it tell what it found."""
        key = _key(self.place, self.part)
        asked: dict[str, Any] = {"TableName": table}
        if self.operation == "Put":
            asked["Item"] = {**self.item, **key}
        else:
            asked["Key"] = key
        if self.update:
            asked["UpdateExpression"] = self.update
        if self.condition:
            asked["ConditionExpression"] = self.condition
            asked["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if self.names:
            asked["ExpressionAttributeNames"] = {f"#{name}": name for name in self.names}
        if self.values:
            asked["ExpressionAttributeValues"] = {
                f":{name}": value for name, value in self.values.items()
            }
        return asked


class DynamoTable:
    """One table; thread-safe. Its indexes lag behind by a moment, all other reads are consistent.

    Writes that meet others' on the same item are tried again a few times, at random intervals.
    Every method raises BusyError if the table can't be used.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, place: str, part: str) -> Item | None:
        """Give an item, None if there is none."""
        with as_busy():
            answer = self._client.get_item(
                TableName=self._table, Key=_key(place, part), ConsistentRead=True
            )
        found: Item | None = answer.get("Item")
        return found

    def get_all(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Give the items of these keys that there are, in no order."""
        found: dict[Key, Item] = {}
        keys = list(dict.fromkeys(keys))  # DynamoDB refuses a request that names one twice.
        for start in range(0, len(keys), _GOT_AT_ONCE):
            wanted: list[Any] = [_key(*key) for key in keys[start : start + _GOT_AT_ONCE]]
            for wait in _waits():
                with as_busy():
                    answer = self._client.batch_get_item(
                        RequestItems={self._table: {"Keys": wanted, "ConsistentRead": True}}
                    )
                for item in answer["Responses"].get(self._table, ()):
                    found[key_of(item)] = item
                wanted = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
                if not wanted:
                    break
                wait()
        return found

    def query(
        self,
        condition: str,
        values: Item,
        *,
        names: Sequence[str],
        index: str | None = None,
        filtered: str = "",
        newest_first: bool = False,
        at_once: int | None = None,
    ) -> Iterator[list[Item]]:
        """Give what is found, a list for each answer, maybe an empty one; lazy, holds one.

        An answer looks at 1 MB at most, and at no more than `at_once` items.
        """
        asked: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in names},
            "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()},
            "ScanIndexForward": not newest_first,
        }
        asked |= {"ConsistentRead": True} if index is None else {"IndexName": index}
        asked |= {"FilterExpression": filtered} if filtered else {}
        asked |= {"Limit": at_once} if at_once is not None else {}
        while True:
            with as_busy():
                answer = self._client.query(**asked)
            yield answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def write(self, write: ItemWrite) -> Item:
        """Make one change; give the item as it is then, after a Delete as it was before.

        Raises ConditionFailedError, and ContendedError.
        """
        asked = write.asked(self._table)

        def made() -> Item:
            match write.operation:
                case "Put":
                    self._client.put_item(**asked)
                    return write.item
                case "Delete":
                    answer = self._client.delete_item(**asked, ReturnValues="ALL_OLD")
                case _:
                    answer = self._client.update_item(**asked, ReturnValues="ALL_NEW")
            item: Item = answer.get("Attributes", {})
            return item

        return _despite_conflicts(made)

    def write_all(self, *writes: ItemWrite) -> None:
        """Make all of these changes at once, or none.

        Raises ConditionFailedError, and ContendedError.
        """
        asked = [{write.operation: write.asked(self._table)} for write in writes]
        # The client gives each call a token of its own, by which a request that it sends again
        # after a lost answer is known: it is not taken for another one, and refused.
        _despite_conflicts(lambda: self._client.transact_write_items(TransactItems=asked))

    def delete_all(self, keys: Sequence[Key]) -> None:
        """Delete these items, where they are, one by one in no order."""
        for start in range(0, len(keys), _WRITTEN_AT_ONCE):
            left: list[Any] = [
                {"DeleteRequest": {"Key": _key(*key)}}
                for key in keys[start : start + _WRITTEN_AT_ONCE]
            ]
            for wait in _waits():
                with as_busy():
                    answer = self._client.batch_write_item(RequestItems={self._table: left})
                left = answer.get("UnprocessedItems", {}).get(self._table, [])
                if not left:
                    break
                wait()


def key_of(item: Item) -> Key:
    """Give the place and the part of an item."""
    return item[PLACE]["S"], item[PART]["S"]


def _key(place: str, part: str) -> dict[str, dict[str, str]]:
    return {PLACE: {"S": place}, PART: {"S": part}}


def _despite_conflicts(made: Callable[[], _Done]) -> _Done:
    for wait in _waits():
        with as_busy():
            try:
                return made()
            except ClientError as error:
                reasons = _reasons(error)
                codes = {reason.get("Code", "") for reason in reasons}
                if codes & {"ConditionalCheckFailed", "ConditionalCheckFailedException"}:
                    raise ConditionFailedError([_found(reason) for reason in reasons]) from error
                if not codes & _CONFLICTS:
                    raise
        wait()
    raise ContendedError


def _reasons(error: ClientError) -> list[Mapping[str, Any]]:
    """Say of each write what became of it; that of a single one is the error itself."""
    if code_of(error) == "TransactionCanceledException":
        return list(error.response.get("CancellationReasons", ()))
    return [{"Code": code_of(error), "Item": error.response.get("Item", {})}]


def _found(reason: Mapping[str, Any]) -> Item | None:
    if not reason.get("Code", "").startswith("ConditionalCheckFailed"):
        return None
    item: Item = reason.get("Item") or {}
    return item


def _waits() -> Iterator[Callable[[], None]]:
    """Give a way to wait after each attempt, longer each time; after the last one it raises."""
    for attempt in range(_ATTEMPTS):
        most = _FIRST_WAIT_SECONDS * 2**attempt

        def wait(most: float = most, *, is_last: bool = attempt == _ATTEMPTS - 1) -> None:
            if is_last:
                raise ContendedError
            time.sleep(random.uniform(0, most))  # noqa: S311 - spreads attempts, hides nothing

        yield wait
