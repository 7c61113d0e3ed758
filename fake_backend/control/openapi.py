"""The OpenAPI document of what is served beside the ingest routes, made of the table by which requests are read."""

import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fake_backend.control.api import Nothing, Problem, RuleTable
from fake_backend.faults import FaultRule
from fake_backend.protocol.answers import phrase

if TYPE_CHECKING:
    from fake_backend.control.route import Route

_REF: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"

_DESCRIPTION: Final = """What the fake backend can be told while it runs, and what it tells of what happened.

Requests are answered to programs and pages that ask for a name by which the backend is known (`Host`); pages of other
sites are refused with 403. A path with another method is answered 405."""


@cache
def document(routes: "tuple[Route[Any, Any], ...]", *, version: str) -> dict[str, Any]:
    """Make the document that describes these routes."""
    types = {Problem, RuleTable, *(route.gives for route in routes if route.gives is not None)}
    types |= {route.body for route in routes if route.body is not Nothing}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "The fake backend of sendproof", "version": version, "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": _components(sorted(types, key=lambda each: each.__name__)) | _rules(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: "Route[Any, Any]") -> dict[str, Any]:
    doc = cleandoc(route.does.__doc__ or "")
    operation: dict[str, Any] = {
        "operationId": route.does.__name__,
        "summary": doc.partition("\n")[0].rstrip("."),
        "description": doc,
        "parameters": _parameters(route),
        "responses": {str(route.status): _answer(route), **_problems(route)},
    }
    if route.body is not Nothing:
        operation["requestBody"] = {"content": {_JSON: {"schema": _schema(route.body)}}}
    if route.needs_token:
        operation["security"] = [{"token": []}]
    return operation


def _parameters(route: "Route[Any, Any]") -> list[dict[str, Any]]:
    properties = _components([route.asked])[route.asked.__name__]["properties"]
    in_path = set(re.findall(r"\{(\w+)\}", route.path))
    parameters = []
    for name, schema in properties.items():
        place = "path" if name in in_path else "query"
        parameters.append({"name": name, "in": place, "required": place == "path", "schema": schema})
    return parameters


def _answer(route: "Route[Any, Any]") -> dict[str, Any]:
    answer: dict[str, Any] = {"description": phrase(route.status)}
    if route.gives is not None:
        answer["content"] = {_JSON: {"schema": _schema(route.gives)}}
    elif route.status != HTTPStatus.NO_CONTENT:
        answer["content"] = {route.content_type: {"schema": {"type": "string"}}}
    return answer


def _problems(route: "Route[Any, Any]") -> dict[str, Any]:
    statuses = [400, 403]
    if route.needs_token:
        statuses.append(401)
    if "{" in route.path:
        statuses.append(404)
    if route.body is not Nothing:
        statuses += [408, 413, 415]
    problem = {_JSON: {"schema": _schema(Problem)}}
    return {str(status): {"description": phrase(status), "content": problem} for status in sorted(statuses)}


def _rules() -> dict[str, Any]:
    """A rule as its table: the keys of its fault and of the rule side by side, for each kind of fault."""
    schemas = _components([FaultRule])
    selectors = {key: value for key, value in schemas["FaultRule"]["properties"].items() if key != "fault"}
    kinds = {}
    for ref in schemas["FaultRule"]["properties"]["fault"]["anyOf"]:
        name = ref["$ref"].rpartition("/")[2]
        fault = schemas[name]
        properties = {key: _or_false(value) for key, value in (fault["properties"] | selectors).items()}
        kinds[f"{name}Rule"] = {**fault, "title": f"{name}Rule", "properties": properties}
    refs = [{"$ref": _REF.format(name=name)} for name in kinds]
    return {"Rule": {"title": "Rule", "anyOf": refs}, **kinds}


def _or_false(schema: dict[str, Any]) -> dict[str, Any]:
    """Let `false` stand for nothing, as in a file, which has no null."""
    either = schema.get("anyOf", [])
    return {**schema, "anyOf": [*either, {"const": False}]} if {"type": "null"} in either else schema


def _schema(kind: type) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], schema_hook=_hook, ref_template=_REF)
    return schema


def _components(kinds: Iterable[type]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(kinds, schema_hook=_hook, ref_template=_REF)
    for component in components.values():
        if "description" in component:
            component["description"] = cleandoc(component["description"])
    return components


def _hook(kind: type) -> dict[str, Any]:
    if kind is RuleTable:
        return {"$ref": _REF.format(name="Rule")}
    raise NotImplementedError(f"{kind.__name__} has no schema")
