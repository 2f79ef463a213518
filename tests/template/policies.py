"""Statements of the policies in a template, wherever they stand in it."""

from collections.abc import Iterator
from typing import Any

from tests.template.templates import Template, listed

Statement = dict[str, Any]

_POLICIES = {
    "AWS::IAM::ManagedPolicy": "PolicyDocument",
    "AWS::IAM::RolePolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
}


def statements(template: Template) -> Iterator[tuple[str, Statement]]:
    """Give every statement of every policy, with the name of the resource that it stands in."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        documents = [properties.get(_POLICIES.get(resource["Type"], ""))]
        documents.append(properties.get("AssumeRolePolicyDocument"))
        documents += [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for document in filter(None, documents):
            for statement in listed(document["Statement"]):
                for each in _either(statement):
                    yield name, each


def _either(statement: Statement) -> list[Statement]:
    """Give a statement, or all that a condition may put in its place."""
    if "Fn::If" not in statement:
        return [statement]
    return [each for each in statement["Fn::If"][1:] if "Effect" in each]


def allowed(template: Template) -> list[tuple[str, Statement]]:
    """Give every statement that allows something."""
    return [found for found in statements(template) if found[1]["Effect"] == "Allow"]


def actions_of(template: Template, *owners: str) -> set[str]:
    """Give what these roles and policies allow whoever has them."""
    return {
        action
        for name, statement in allowed(template)
        if name in owners and "Principal" not in statement
        for action in listed(statement["Action"])
    }
