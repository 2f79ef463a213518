"""Signing keys in Parameter Store, as SecureStrings of their tenant."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from penstock.aws.services.parameters import Parameters
from penstock.aws.services.ttl_cache import TtlCache
from penstock.errors import BusyError, SetupError
from penstock.model.signature import LIVE_SIGNING_KEYS, SigningKey
from penstock.model.tenant import is_tenant_id

_TENANTS_REMEMBERED = 10_000
_LABEL_CHARACTERS = 6
_LOOKS = 6
_FIRST_WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A signing key, the how-manieth of its tenant it is, and when it was made."""

    key: SigningKey
    number: int
    made: datetime

    @classmethod
    def read(cls, key_id: str, value: str) -> Self:
        facts = json.loads(value)
        return cls(
            key=SigningKey(id=key_id, secret=base64.b64decode(facts["secret"])),
            number=int(key_id[_LABEL_CHARACTERS:]),
            made=datetime.fromisoformat(facts["made"]),
        )


class SsmSigningKeys:
    """`/penstock/{env}/tenants/{tenant}/signing-keys/{id}`: {"secret": base64, "made": ISO 8601}.

    An id is six characters of the tenant's SHA-256 and the key's number. All who make a tenant's
    key of one number at once write one name, so that one of them makes it and all get that one.

    A tenant's keys are remembered for `seconds`. A new key signs once it is that old: by then every
    process knows it, and none refuses what another one signed. All raise BusyError if Parameter
    Store fails.
    """

    def __init__(
        self, *, client: Any, environment: str, seconds: float, now: Callable[[], datetime]
    ) -> None:
        self._parameters = Parameters(client, environment=environment)
        self._now = now
        self._settling = timedelta(seconds=seconds)
        self._tenants: TtlCache[tuple[SigningKey, ...]] = TtlCache(
            seconds=seconds, most=_TENANTS_REMEMBERED, now=now
        )

    def signing_keys(self, tenant: str) -> tuple[SigningKey, ...]:
        """Give a tenant's live signing keys, the one that signs first; made when first asked for.

        Raises SetupError if the tenant's id is none.
        """
        if not is_tenant_id(tenant):
            raise SetupError(f"There is no tenant “{tenant}”.")
        return self._tenants.get(tenant, lambda: self._look_up(tenant))

    def rotate_signing_key(self, tenant: str) -> SigningKey:
        """Make a new signing key; of the older ones the newest stays.

        Raises SetupError if the tenant's id is none.
        """
        if not is_tenant_id(tenant):
            raise SetupError(f"There is no tenant “{tenant}”.")
        stored = self._stored(tenant)
        made = self._made(tenant, number=stored[0].number + 1 if stored else 1)
        for old in stored[LIVE_SIGNING_KEYS - 1 :]:
            self._parameters.delete(f"{_path(tenant)}/{old.key.id}")
        self._tenants.forget(tenant)
        return made.key

    def _look_up(self, tenant: str) -> tuple[SigningKey, ...]:
        stored = self._stored(tenant)[:LIVE_SIGNING_KEYS] or [self._made(tenant, number=1)]
        if len(stored) > 1 and self._now() - stored[0].made < self._settling:
            stored.reverse()
        return tuple(each.key for each in stored)

    def _stored(self, tenant: str) -> list[_Stored]:
        found = self._parameters.below(_path(tenant), decrypted=True)
        stored = [_Stored.read(key_id, value) for key_id, value in found.items()]
        return sorted(stored, key=lambda each: each.number, reverse=True)

    def _made(self, tenant: str, *, number: int) -> _Stored:
        label = hashlib.sha256(tenant.encode()).hexdigest()[:_LABEL_CHARACTERS]
        key_id = f"{label}{number}"
        place = f"{_path(tenant)}/{key_id}"
        facts = {
            "secret": base64.b64encode(secrets.token_bytes(32)).decode(),
            "made": self._now().isoformat(),
        }
        self._parameters.put_new(place, json.dumps(facts), kind="SecureString")
        # What is stored counts, whoever stored it; a new parameter may take a moment to be seen.
        for look in range(_LOOKS):
            value = self._parameters.get(place, decrypted=True)
            if value is not None:
                return _Stored.read(key_id, value)
            time.sleep(_FIRST_WAIT_SECONDS * 2**look)
        raise BusyError("A signing key was made just now: try again in 1 s.", retry_after_seconds=1)


def _path(tenant: str) -> str:
    return f"tenants/{tenant}/signing-keys"
