from collections.abc import Iterator
from typing import Any

from openapi_spec_validator import validate

from penstock import formats
from penstock.exports import all_types
from penstock.web.downloads.export_offer import SLICE_TYPE
from penstock.web.jobs.openapi import job_additions
from penstock.web.openapi.document import document
from penstock.web.problems import STATUSES


def described() -> dict[str, Any]:
    return document(
        [], formats.all_formats(), title="Acme", additions=job_additions(list(all_types().values()))
    )


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_the_document_with_jobs_is_valid_and_all_it_refers_to_is_there() -> None:
    made = described()
    validate(made)
    for reference in references(made):
        node: Any = made
        for step in reference.removeprefix("#/").split("/"):
            node = node[step.replace("~1", "/")]


def test_every_declared_type_is_a_body_with_its_parameters() -> None:
    made = described()
    schemas = made["components"]["schemas"]
    taken = made["paths"]["/v1/exports"]["post"]["requestBody"]["content"]["application/json"]
    assert taken["schema"]["oneOf"] == [
        {"$ref": f"#/components/schemas/export.{name}"} for name in all_types()
    ]
    for name, declared in all_types().items():
        body = schemas[f"export.{name}"]
        assert body["properties"]["type"] == {"const": name}
        params = (
            body["properties"]["params"]["properties"] if declared.parameters.model_fields else {}
        )
        assert set(params) == set(declared.parameters.model_fields)


def test_every_status_of_a_problem_is_described_somewhere() -> None:
    made = described()
    answered = {
        status
        for path in made["paths"].values()
        for call in path.values()
        if isinstance(call, dict)
        for status in call.get("responses", {})
    }
    of_downloads = {"400", "403", "404", "406", "410", "413", "414", "416", "429", "500", "503"}
    # 405 is what methods get that have no operation here.
    assert {str(status) for status in STATUSES.values()} - answered - of_downloads == {"405"}


def test_what_is_offered_of_a_large_answer_is_a_type_with_those_parameters() -> None:
    declared = all_types()[SLICE_TYPE]
    assert {"dataset", "query"} <= set(declared.parameters.model_fields)
    assert declared.role is None
