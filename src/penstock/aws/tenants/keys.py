"""API keys in DynamoDB; signing keys come from Parameter Store."""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from botocore.exceptions import ClientError

from penstock.aws.services.record_failures import as_busy, code_of
from penstock.aws.tenants.signing_keys import SsmSigningKeys
from penstock.errors import BusyError, SetupError
from penstock.model.key import LIVE_KEYS, ApiKey, Role
from penstock.model.signature import SigningKey

BY_TENANT = "by-tenant"

KEYS_TABLE: Mapping[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "prefix", "AttributeType": "S"},
        {"AttributeName": "tenant", "AttributeType": "S"},
        {"AttributeName": "created", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "prefix", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": BY_TENANT,
            "KeySchema": [
                {"AttributeName": "tenant", "KeyType": "HASH"},
                {"AttributeName": "created", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
"""The table that DynamoKeys stands on, as CreateTable and CloudFormation write it."""

_PREFIX = re.compile(r"[a-z0-9]{8}")
_ATTEMPTS = 20
_LONGEST_WAIT_SECONDS = 0.05
_MOST_USER_BYTES = 1000
"""The user stands in a partition key, which DynamoDB ends at 2,048 bytes."""

_Item = Mapping[str, Mapping[str, Any]]


class DynamoKeys:
    """One table: partition key `prefix` (S), no sort key, no TTL attribute.

    A key is an item with `prefix`, `secret_sha256`, `tenant`, `user`, `role`, `created` and, where
    it has them, `expires` and `revoked`; all are S, times ISO 8601 in UTC. The global index
    `by-tenant` (partition key `tenant`, sort key `created`, all attributes) lists a tenant's keys;
    it lags behind by a moment.

    Beside them, each tenant and user has an item whose `prefix` is `user#{tenant}#{user}`, with
    `live` (SS), the prefixes that counted as live when it was written last, and `version` (N). It
    has no `tenant`, so it isn't in the index. Adding a key replaces it in the same transaction, on
    condition of its version: of two that add at once, one starts again.

    `find` reads consistently each time: a revoked key is dead for the next request. All raise
    BusyError if the table can't be used.
    """

    def __init__(
        self, *, client: Any, table: str, signing: SsmSigningKeys, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._table = table
        self._signing = signing
        self._now = now

    def find(self, prefix: str) -> ApiKey | None:
        if not _PREFIX.fullmatch(prefix):
            return None
        item = self._item(prefix)
        return _api_key(item) if item else None

    def add(self, key: ApiKey) -> None:
        if len(key.user.encode()) > _MOST_USER_BYTES:
            raise SetupError(f"A key's user has at most {_MOST_USER_BYTES:,} bytes.")
        for _ in range(_ATTEMPTS):
            if self._added(key):
                return
            time.sleep(random.uniform(0, _LONGEST_WAIT_SECONDS))  # noqa: S311 - spreads attempts
        raise BusyError(
            f"Others are adding keys of “{key.user}” just now: try again in 1 s.",
            retry_after_seconds=1,
        )

    def list(self, tenant: str) -> list[ApiKey]:
        found: list[ApiKey] = []
        more: dict[str, Any] = {}
        with as_busy():
            while True:
                answer = self._client.query(
                    TableName=self._table,
                    IndexName=BY_TENANT,
                    KeyConditionExpression="tenant = :tenant",
                    ExpressionAttributeValues={":tenant": {"S": tenant}},
                    **more,
                )
                found.extend(map(_api_key, answer["Items"]))
                if not answer.get("LastEvaluatedKey"):
                    break
                more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return sorted(found, key=lambda key: (key.created, key.prefix))

    def revoke(self, tenant: str, prefix: str) -> ApiKey:
        key = self.find(prefix)
        if key is None or key.tenant != tenant:
            raise SetupError(f"Tenant “{tenant}” has no key “{prefix}”.")
        now = self._now()
        if not key.is_live(now):
            return key
        with as_busy():
            try:
                answer = self._client.update_item(
                    TableName=self._table,
                    Key={"prefix": {"S": prefix}},
                    UpdateExpression="SET revoked = :now",
                    ConditionExpression=(
                        "attribute_exists(prefix) AND attribute_not_exists(revoked)"
                    ),
                    ExpressionAttributeValues={":now": {"S": now.isoformat()}},
                    ReturnValues="ALL_NEW",
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
            else:
                return _api_key(answer["Attributes"])
        # Somebody else revoked it in between: the first time stands.
        return self.revoke(tenant, prefix)

    def signing_keys(self, tenant: str) -> tuple[SigningKey, ...]:
        return self._signing.signing_keys(tenant)

    def rotate_signing_key(self, tenant: str) -> SigningKey:
        """Make a new signing key; of the older ones the newest stays."""
        return self._signing.rotate_signing_key(tenant)

    def _added(self, key: ApiKey) -> bool:
        """Whether the key is stored now; not where somebody else added one at the same time."""
        place = f"user#{key.tenant}#{key.user}"
        before = self._item(place)
        live = self._live(before)
        if len(live) >= LIVE_KEYS:
            raise SetupError(
                f"“{key.user}” of tenant “{key.tenant}” has {len(live)} live keys already "
                f"({', '.join(live)}): revoke one first."
            )
        version = int(before["version"]["N"]) if before else 0
        unchanged = "version = :version" if before else "attribute_not_exists(prefix)"
        values = {"ExpressionAttributeValues": {":version": {"N": str(version)}}} if before else {}
        user_item = {
            "prefix": {"S": place},
            "version": {"N": str(version + 1)},
            "live": {"SS": [*live, key.prefix]},
        }
        with as_busy():
            try:
                self._client.transact_write_items(
                    TransactItems=[
                        {
                            "Put": {
                                "TableName": self._table,
                                "Item": _item_of(key),
                                "ConditionExpression": "attribute_not_exists(prefix)",
                            }
                        },
                        {
                            "Put": {
                                "TableName": self._table,
                                "Item": user_item,
                                "ConditionExpression": unchanged,
                                **values,
                            }
                        },
                    ]
                )
            except ClientError as error:
                if code_of(error) != "TransactionCanceledException":
                    raise
                if _reasons(error)[:1] == ["ConditionalCheckFailed"]:
                    raise SetupError(
                        f"The key prefix “{key.prefix}” is taken: make the key anew."
                    ) from error
                return False
        return True

    def _live(self, user_item: _Item) -> Sequence[str]:
        prefixes = user_item["live"]["SS"] if user_item else []
        now = self._now()
        keys = [self.find(prefix) for prefix in prefixes]
        live = [key for key in keys if key is not None and key.is_live(now)]
        return [key.prefix for key in sorted(live, key=lambda key: (key.created, key.prefix))]

    def _item(self, prefix: str) -> _Item:
        with as_busy():
            answer = self._client.get_item(
                TableName=self._table, Key={"prefix": {"S": prefix}}, ConsistentRead=True
            )
        return cast("_Item", answer.get("Item", {}))


def _reasons(error: ClientError) -> list[str]:
    reasons = cast("list[Mapping[str, str]]", error.response.get("CancellationReasons", []))
    return [reason.get("Code", "") for reason in reasons]


def _item_of(key: ApiKey) -> dict[str, dict[str, str]]:
    texts = {
        "prefix": key.prefix,
        "secret_sha256": key.secret_sha256,
        "tenant": key.tenant,
        "user": key.user,
        "role": key.role,
        "created": key.created.isoformat(),
        "expires": key.expires.isoformat() if key.expires else None,
        "revoked": key.revoked.isoformat() if key.revoked else None,
    }
    return {name: {"S": text} for name, text in texts.items() if text is not None}


def _api_key(item: _Item) -> ApiKey:
    def time_of(name: str) -> datetime | None:
        return datetime.fromisoformat(item[name]["S"]) if name in item else None

    return ApiKey(
        prefix=item["prefix"]["S"],
        secret_sha256=item["secret_sha256"]["S"],
        tenant=item["tenant"]["S"],
        user=item["user"]["S"],
        role=cast("Role", item["role"]["S"]),
        created=datetime.fromisoformat(item["created"]["S"]),
        expires=time_of("expires"),
        revoked=time_of("revoked"),
    )
