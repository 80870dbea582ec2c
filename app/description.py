"""The OpenAPI description: what FastAPI derives, and what it cannot know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.schemas.problems import Problem
from app.schemas.readings import ReadingsIn

REFERENCE = "#/components/schemas/{model}"


def describe(app: FastAPI) -> dict[str, Any]:
    """Problems and the rows of a batch get their shapes; reading what is public needs no key."""
    description = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, shapes = models_json_schema(
        [(Problem, "serialization"), (ReadingsIn, "validation")], ref_template=REFERENCE, by_alias=True
    )
    schemas = description["components"]["schemas"]
    for name, shape in shapes["$defs"].items():
        schemas.setdefault(name, shape)
    # FastAPI declares its own body for 422, which the hub never sends.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    for operations in description["paths"].values():
        for method, operation in operations.items():
            # Nor does who has a reporter's token (app/reports/visitors.py).
            tokens = any(one.get("name") == "X-Visitor-Token" for one in operation.get("parameters", ()))
            if (method == "get" or tokens) and "security" in operation:
                operation["security"] = [{}, *operation["security"]]
    return description
