"""The described service is the real one: generated calls get what the description says."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_key

from penstock.local.tenants.alone import LOCAL_TENANT

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CASES_OF_AN_OPERATION = {"get": 11, "head": 4, "options": 1, "post": 15, "delete": 4}


def every_kind() -> pa.Table:
    rows = 300
    return pa.table(
        {
            "reference": [f"R{row}, “{row % 7}”" for row in range(rows)],
            "organisation-entity": pa.array([row % 5 for row in range(rows)], pa.int32()),
            "big": pa.array([2**60 + row for row in range(rows)], pa.int64()),
            "tiny": pa.array([row % 100 for row in range(rows)], pa.uint8()),
            "amount": pa.array([Decimal(row) / 4 for row in range(rows)], pa.decimal128(12, 2)),
            "ratio": pa.array([row / 3 if row % 9 else None for row in range(rows)], pa.float64()),
            "listed": [row % 2 == 0 for row in range(rows)],
            "entry-date": [date(2024, 1 + row % 12, 1 + row % 28) for row in range(rows)],
            "opens": [time(row % 24, row % 60) for row in range(rows)],
            "seen": [datetime(2024, 5, 1, row % 24, tzinfo=UTC) for row in range(rows)],
            "noted": [datetime(2024, 5, 1, row % 24) for row in range(rows)],  # noqa: DTZ001 - a column without zone
            "digest": [bytes([row % 256, 7]) for row in range(rows)],
            "tags": [[f"t{row % 3}"] if row % 4 else None for row in range(rows)],
        }
    )


def odd_names() -> pa.Table:
    columns = ["a b", "_hidden", "x", "x__gte", "naïve", 'quo"te', "co,mma", "per%cent&="]
    return pa.table({name: pa.array([1, 2, None]) for name in columns})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("contract")
    folder = root / "data"
    folder.mkdir()
    pq.write_table(every_kind(), folder / "every-kind.parquet", row_group_size=100)
    pq.write_table(odd_names(), folder / "odd-names.parquet")
    (folder / "broken.parquet").write_bytes(b"PAR1 and then nothing of use")
    # Jobs are taken, and nobody works on them.
    with serving(folder, home=root / "home", workers=0) as running:
        yield running


def test_the_document_is_valid_openapi_and_lists_what_can_be_read(service: Service) -> None:
    document = httpx.get(f"{service.url}/-/openapi.json").json()
    validate(document)
    for extension in ("csv", "json", "ndjson"):
        assert f"/every-kind.{extension}" in document["paths"]
        assert f"/odd-names.{extension}" in document["paths"]
    assert not any(path.startswith("/broken") for path in document["paths"])


def test_every_example_of_the_document_is_answered(service: Service) -> None:
    tried = 0
    with httpx.Client(base_url=service.url) as client:
        document = client.get("/-/openapi.json").json()
        shared = document["components"]["parameters"]
        for path in ("/every-kind.json", "/odd-names.json", "/every-kind.csv"):
            for reference in document["paths"][path]["parameters"]:
                parameter = shared[reference["$ref"].rpartition("/")[2]]
                if is_complete_alone(parameter):
                    tried += 1
                    asked = {parameter["name"]: as_text(parameter["example"])}
                    answer = client.get(path, params=asked)
                    assert answer.status_code == 200, (path, asked, answer.text)
    assert tried > 200


def is_complete_alone(parameter: dict[str, Any]) -> bool:
    """Whether its example is a query of its own, of whatever columns."""
    needs_others = {"_group", "_having", "_distinct", "_expires", "_kid", "_sig"}
    return (
        parameter["in"] == "query"
        and "example" in parameter
        and parameter["name"] not in needs_others
    )


def as_text(example: object) -> str:
    if isinstance(example, list):
        return ",".join(map(as_text, example))
    return str(example).lower() if isinstance(example, bool) else str(example)


def test_generated_calls_are_answered_as_described(service: Service) -> None:
    key = add_key(service.resources, LOCAL_TENANT, role="admin")
    described = schemathesis.openapi.from_url(
        f"{service.url}/-/openapi.json", headers={"X-Api-Key": key}
    )
    met: Counter[int] = Counter()
    for found in described.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            headers = {"X-Api-Key": key} if operation.path.startswith("/v1/") else {}
            met += statuses_of(operation, mode, headers)
    succeeded = sum(times for status, times in met.items() if status in {200, 206, 304})
    assert succeeded >= 200, met
    assert met[202] > 0, met
    assert met[400] > 0, met
    assert met[422] > 0, met


def statuses_of(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> Counter[int]:
    """Call an operation with generated cases, check each answer, and count what they were."""
    met: Counter[int] = Counter()

    @settings(
        max_examples=CASES_OF_AN_OPERATION[operation.method],
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def call(case: Any, data: st.DataObject) -> None:
        keep_few(case.query, data)
        keep_few(case.headers, data)
        ask_for_readable_bytes(case.headers)
        answer = case.call(headers=headers)
        met[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    if mode is GenerationMode.POSITIVE or has_what_can_be_wrong(operation):
        call()
    return met


def keep_few(parameters: Any, data: st.DataObject) -> None:
    """Drop all but a few of the optional parameters: one bad value among thirty spoils a call."""
    if not parameters or data.draw(st.integers(0, 9)) == 0:
        return
    kept = data.draw(st.sets(st.sampled_from(sorted(parameters)), max_size=3))
    for name in set(parameters) - kept:
        del parameters[name]


def ask_for_readable_bytes(headers: Any) -> None:
    """Leave out codings where the checking client couldn't decode: zstd, and any cut by a range."""
    if "Range" in headers or "zstd" in headers.get("Accept-Encoding", ""):
        headers["Accept-Encoding"] = "identity"


def has_what_can_be_wrong(operation: Any) -> bool:
    parts = (operation.query, operation.path_parameters, operation.body)
    return any(len(each) for each in parts)
