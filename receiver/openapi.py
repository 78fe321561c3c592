"""The OpenAPI 3.1 document, made from the table of routes and the types that decode and describe them. Pure.

https://spec.openapis.org/oas/v3.1.1.html ; schemas come from msgspec, so what is documented is what is checked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp.typedefs import Handler
from msgspec import Struct

from receiver.answers import Problem
from receiver.asked import NAME, Query

Json = dict[str, Any]
JSON, PROBLEM, EVENTS, TEXT = "application/json", "application/problem+json", "text/event-stream", "text/plain"
_REFERENCE = "#/components/schemas/{name}"
CALLER = {401: "No token, or one the cluster does not know.", 403: "Known, but not allowed: names the permission."}
SERVER = {503: "Something Pilothouse stands on is away; Retry-After.", 504: "No answer came in time."}


@dataclass(frozen=True, slots=True)
class Good:
    """An answer that is what was asked for."""

    said: str
    """When it comes."""
    shape: type[Struct] | None = None
    """None: it has no JSON body."""
    example: Any = None
    content: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    """Name -> what it says. Always there."""


@dataclass(frozen=True, slots=True)
class Route:
    """A path and a verb: what serves it, and all that is said about it."""

    method: str
    path: str
    handler: Handler
    summary: str
    good: Mapping[int, Good]
    query: type[Query] = Query
    body: type[Struct] | None = None
    example: Any = None
    """Of the body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers that are read, and what for."""
    refusals: Mapping[int, str] = field(default_factory=dict)
    """Status -> when, beside those that every route of its kind has."""
    open: bool = False
    """Whether anybody may ask, without a token."""

    @property
    def all_refusals(self) -> dict[int, str]:
        """Status -> when."""
        usual = (
            {} if self.open else {400: "A parameter or field makes no sense; `errors` names it.", **CALLER, **SERVER}
        )
        if "{name}" in self.path:
            usual[404] = "There is no such Application, or its namespace is not served here."
        if self.body:
            usual |= {408: "The body did not come within 10 s.", 413: "The body is too large."}
        return dict(sorted({**usual, **self.refusals}.items()))


def document(routes: Sequence[Route], version: str) -> Json:
    """The whole document; every route of the table is in it."""
    shapes = [shape for route in routes for shape in _shapes(route)]
    _, schemas = msgspec.json.schema_components([*dict.fromkeys(shapes), Problem], ref_template=_REFERENCE)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pilothouse",
            "version": version,
            "description": "Applications of Argo CD's shape: looked at, changed, synced. Kubernetes tokens and RBAC.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A Kubernetes token, see docs/api.md."}
            },
        },
    }


def _shapes(route: Route) -> Iterable[type[Struct]]:
    yield from (good.shape for good in route.good.values() if good.shape)
    if route.body:
        yield route.body


def _operation(route: Route) -> Json:
    answers = {str(status): _good(good) for status, good in route.good.items()}
    answers |= {str(status): _refusal(status, said) for status, said in route.all_refusals.items()}
    found: Json = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "parameters": [*_parameters(route)],
        "responses": answers,
        "security": [] if route.open else [{"token": []}],
    }
    if route.body:
        needed = any(each.required for each in msgspec.structs.fields(route.body))
        found["requestBody"] = {"required": needed, "content": {JSON: _content(route.body, route.example)}}
    return found


def _operation_id(route: Route) -> str:
    words = [part.strip("{}") for part in route.path.split("/") if part not in ("", "api", "v1")]
    return "-".join([route.method.lower(), *words])


def _parameters(route: Route) -> Iterable[Json]:
    if "{name}" in route.path:
        schema = {"type": "string", "pattern": NAME}
        yield {"name": "name", "in": "path", "required": True, "schema": schema, "example": "cart"}
    properties = msgspec.json.schema_components([route.query])[1][route.query.__name__]["properties"]
    for name, schema in properties.items():
        said = schema.pop("description", "")
        yield {"name": name, "in": "query", "required": False, "description": said, "schema": schema}
    for name, said in route.headers.items():
        yield {"name": name, "in": "header", "required": False, "description": said, "schema": {"type": "string"}}


def _content(shape: type[Struct], example: Any) -> Json:
    found: Json = {"schema": {"$ref": _REFERENCE.format(name=shape.__name__)}}
    return found if example is None else found | {"example": example}


def _good(good: Good) -> Json:
    found: Json = {"description": good.said}
    if good.shape:
        found["content"] = {good.content: _content(good.shape, good.example)}
    elif good.content != JSON:
        text = {"schema": {"type": "string"}}
        found["content"] = {good.content: text if good.example is None else text | {"example": good.example}}
    if good.headers:
        found["headers"] = {
            name: {"description": said, "required": True, "schema": {"type": "string"}}
            for name, said in good.headers.items()
        }
    return found


def _refusal(status: int, said: str) -> Json:
    content: Json = {PROBLEM: {"schema": {"$ref": _REFERENCE.format(name="Problem")}}}
    if status == 400:  # what is too long to be an HTTP request is refused before anybody can say it in JSON
        content[TEXT] = {"schema": {"type": "string"}}
    return {"description": said, "content": content}
