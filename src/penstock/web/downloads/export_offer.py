"""Export offer: an answer that is too large for one response can be had as an export."""

from penstock.errors import TooLargeError
from penstock.query import pairs_of
from penstock.query.pairs import query_string_of
from penstock.web.downloads.dataset_request import DatasetRequest
from penstock.web.resources import Resources

SLICE_TYPE = "dataset-slice"
"""The type of export whose parameters are a dataset and a query of its downloads."""

_LEFT_OUT = frozenset({"_dl", "_redirect", "_expires", "_kid", "_sig"})


def offer_export(error: TooLargeError, resources: Resources, request: DatasetRequest) -> None:
    """Add to an error what to POST for the same rows, if this asker may have them as an export.

    The fact `export` holds a url and a body. Nothing is looked up: who has no key, and came without
    a signed URL, asks for what is public.
    """
    pairs = pairs_of(request.query_string)
    is_visitor = request.asker.key is None
    is_signed = any(name == "_sig" for name, _ in pairs)
    allowed = request.asker.tenant.caps.anonymous_exports and not is_signed
    if not resources.offers_exports:
        return
    if is_visitor and not allowed:
        error.detail += " Who has a key can take it as an export: ask with the key to be told how."
        return
    query = query_string_of([pair for pair in pairs if pair[0] not in _LEFT_OUT])
    body = {
        "type": SLICE_TYPE,
        "params": {"dataset": request.name, "query": query},
        "formats": [request.extension],
    }
    error.detail += (
        " Or take it as an export: POST the body given in “export” to its url as application/json"
        + (", without any key." if is_visitor else ", with your key.")
    )
    error.facts = {**error.facts, "export": {"url": "/v1/exports", "body": body}}
