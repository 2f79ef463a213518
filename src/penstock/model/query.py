"""A parsed URL: the slice it asks for, how the answer is written, and how it is delivered."""

from dataclasses import dataclass

from penstock.model.format import Style
from penstock.model.slice import Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a browser is to take the answer."""

    attachment: bool = True
    file_name: str | None = None
    """Without the extension, which stays the format's."""
    redirect: bool = False
    """`_redirect=1`: the asker follows redirects to an object's URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureClaim:
    """What a signed URL says of itself; not verified yet."""

    expires: int
    """Seconds since the epoch, UTC."""
    key_id: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A URL's query, parsed against one dataset.

    `canonical` is the query string that every spelling of this query shares (percent-encoded, keys
    in a fixed order): two URLs with one `canonical` give the same bytes. It holds what shapes the
    representation (filters, columns, order, page, dialect), and neither delivery, signature,
    `_version` nor ignored keys. `canonical_without_page` is the same without `_limit`, `_offset`
    and `_cursor`: what a cursor is bound to.
    """

    slice: Slice
    style: Style = Style()
    delivery: Delivery = Delivery()
    version: str | None = None
    claim: SignatureClaim | None = None
    canonical: str = ""
    canonical_without_page: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether this asks for the dataset as it is stored."""
        return not self.canonical
