"""Logic: predicates joined by AND and OR."""

from collections.abc import Sequence

from penstock.model.slice import And, Or, Predicate


def joined(kind: type[And] | type[Or], items: Sequence[Predicate]) -> Predicate:
    """Join predicates, flat: no And stands in an And, no Or in an Or, and none around one item."""
    flat: list[Predicate] = []
    for item in items:
        flat += item.items if isinstance(item, kind) else [item]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))
