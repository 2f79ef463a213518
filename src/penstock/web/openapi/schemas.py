"""Schemas that many descriptions are made of: objects, texts, counts, moments, and paths' names."""

from typing import Any

from penstock.web.openapi.kinds import Schema

Path = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
MOMENT: Schema = {"type": "string", "format": "date-time"}


def object_of(**properties: Schema) -> Schema:
    """Describe an object that has all of these properties."""
    return {"type": "object", "required": list(properties), "properties": properties}


def schema_reference(name: str) -> Schema:
    """Refer to one of the document's schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def in_path(name: str, schema: Schema) -> Path:
    """Describe a parameter that stands in the path."""
    return {"name": name, "in": "path", "required": True, "schema": schema}
