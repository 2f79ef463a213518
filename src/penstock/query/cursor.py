"""Cursors: where a page ended, sealed so that nobody can make or move one."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.errors import BadCursorError, CursorGoneError
from penstock.model.signature import SigningKey, seal, unseal
from penstock.model.slice import AfterKeys, AfterRows, Position


@dataclass(frozen=True, slots=True)
class CursorCodec:
    """Seals and opens the cursors of one dataset version; the first of `keys` seals, all open.

    A token holds the version, a digest of the query and the position. With long text in the sort
    keys it grows with them: whoever puts it in a URL checks its length.
    """

    keys: Sequence[SigningKey]
    tenant: str
    dataset: str
    version: str

    def encode(self, position: Position, *, canonical_without_page: str) -> str:
        """Make the URL-safe token that leads to `position` of this query and version."""
        match position:
            case AfterKeys(keys, place, before):
                where: list[object] = [place, list(keys), before]
            case AfterRows(rows):
                where = [rows]
        payload = [self.version, _digest(canonical_without_page), *where]
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        return seal(self.keys[0], body, context=self._context())

    def decode(self, token: str, *, canonical_without_page: str) -> Position:
        """Give the position back.

        Raises BadCursorError for a token that is damaged, forged, another dataset's or another
        query's, and CursorGoneError for an intact one of another version.
        """
        opened = (unseal(key, token, context=self._context()) for key in self.keys)
        body = next((payload for payload in opened if payload is not None), None)
        if body is None:
            raise BadCursorError("is damaged, or was not made here")
        version, digest, count, *rest = json.loads(body)
        if digest != _digest(canonical_without_page):
            raise BadCursorError("was made for another query")
        if version != self.version:
            raise CursorGoneError
        return AfterKeys(tuple(rest[0]), count, rest[1]) if rest else AfterRows(count)

    def _context(self) -> str:
        return json.dumps(["cursor", self.tenant, self.dataset])


def _digest(canonical: str) -> str:
    # Half of a SHA-256: the token is sealed, so only accidents are to be told apart.
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
