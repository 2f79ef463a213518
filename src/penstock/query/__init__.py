"""The URL grammar: a download's query string and a dataset into one query."""

from penstock.query.controls import CONTROLS, Control
from penstock.query.cursor import CursorCodec
from penstock.query.delivery import claim_of, version_of
from penstock.query.keys import refuse_all_but_signature
from penstock.query.operators import column_operators
from penstock.query.pairs import pairs_of
from penstock.query.parse import QueryLimits, parse

__all__ = [
    "CONTROLS",
    "Control",
    "CursorCodec",
    "QueryLimits",
    "claim_of",
    "column_operators",
    "pairs_of",
    "parse",
    "refuse_all_but_signature",
    "version_of",
]
