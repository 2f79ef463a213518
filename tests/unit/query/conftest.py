"""A way to ask a URL's query of a dataset that has a column of every kind."""

import pytest
from tests.unit.query.query_parts import COLUMNS, Ask, dataset_of

from penstock.model.dataset import Dataset
from penstock.model.query import Query
from penstock.model.signature import SigningKey
from penstock.query import CursorCodec, QueryLimits, pairs_of, parse


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return dataset_of(COLUMNS)


@pytest.fixture(scope="session")
def codec() -> CursorCodec:
    key = SigningKey(id="k1", secret=b"one")
    return CursorCodec((key,), tenant="river", dataset="conservation-area", version="v1")


@pytest.fixture(scope="session")
def ask(dataset: Dataset, codec: CursorCodec) -> Ask:
    """Parse a query string, given as it stands in a URL, or pairs."""

    def asked(
        query: str | list[tuple[str, str]],
        *,
        format_name: str = "csv",
        limits: QueryLimits | None = None,
        cursor: CursorCodec = codec,
        dataset: Dataset = dataset,
    ) -> Query:
        return parse(
            pairs_of(query.encode()) if isinstance(query, str) else query,
            dataset,
            limits=limits or QueryLimits(),
            cursor=cursor,
            format_name=format_name,
        )

    return asked
