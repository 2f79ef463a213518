"""The link to the next page of an answer."""

from penstock.model.slice import AfterKeys, AfterRows, Position
from penstock.web.downloads.dataset_request import OpenedDataset


def page_url(opened: OpenedDataset, following: Position, *, url_bytes: int) -> str:
    """Give the path and query of the page that begins behind a position, at most `url_bytes` long.

    It needs what opened this one: the version it is of, and the signature.
    """
    url = _url(opened, following)
    if len(url) > url_bytes and isinstance(following, AfterKeys):
        # Sort keys of long text would make a URL that is then refused: count rows instead.
        return _url(opened, AfterRows(following.rows))
    return url


def _url(opened: OpenedDataset, following: Position) -> str:
    query = opened.query
    token = opened.cursors.encode(following, canonical_without_page=query.canonical_without_page)
    base = f"{query.canonical_without_page}&" if query.canonical_without_page else ""
    page = f"_limit={query.slice.page.limit}&_cursor={token}"
    if query.version is not None:
        page += f"&_version={query.version}"
    if query.claim is not None:
        claim = query.claim
        page += f"&_expires={claim.expires}&_kid={claim.key_id}&_sig={claim.signature}"
    return f"/{opened.dataset.name}.{opened.written.extension}?{base}{page}"
