"""/api/openapi.json: what is served is described, and the description holds together."""

from typing import Any

import msgspec
import pytest
from aiohttp import web

from receiver import answers, asked, written
from receiver.openapi import Route
from tests.receiver.conftest import Client

SHAPES = {name: shape for module in (asked, written, answers) for name, shape in vars(module).items()}
"""By the names that the document gives them."""


@pytest.fixture
async def document(client: Client) -> dict[str, Any]:
    async with client.get("/api/openapi.json") as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        found: dict[str, Any] = await answer.json()
        return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, each in document["paths"].items() for method, one in each.items()]


async def test_every_route_that_is_served_is_described_and_no_other(client: Client, document: dict[str, Any]) -> None:
    web_app: web.Application = client.server.app  # type: ignore[attr-defined]
    served = {(route.resource.canonical, route.method.lower()) for route in web_app.router.routes() if route.resource}
    assert served == {(path, method) for path, method, _ in operations(document)}


async def test_the_document_is_open_to_all_and_says_which_routes_need_a_token(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    for path, _, operation in operations(document):
        needs_none = path in ("/api/webhook", "/healthz", "/readyz", "/metrics", "/api/version", "/api/openapi.json")
        assert operation["security"] == ([] if needs_none else [{"token": []}]), path
        if not needs_none:
            assert {"401", "403"} <= operation["responses"].keys(), path


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(_references(document))
    schemas = document["components"]["schemas"]
    assert found
    assert {reference.removeprefix("#/components/schemas/") for reference in found} <= schemas.keys()


def _references(value: Any) -> Any:
    if isinstance(value, dict):
        yield from (value["$ref"] for _ in [0] if isinstance(value.get("$ref"), str))
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


async def test_every_example_is_valid(document: dict[str, Any]) -> None:
    checked = 0
    for _, _, operation in operations(document):
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            for media in content.values():
                if "example" in media and "$ref" in media["schema"]:
                    msgspec.convert(media["example"], SHAPES[media["schema"]["$ref"].rpartition("/")[2]])
                    checked += 1
    assert checked > 15


async def test_operations_have_names_of_their_own_and_parameters_their_meaning(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for path, _, operation in operations(document):
        for parameter in operation["parameters"]:
            assert parameter["in"] == "path" or parameter["description"], (path, parameter["name"])


def test_a_route_tells_of_the_refusals_of_its_kind() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    one = Route("GET", "/x/{name}", handler, "x", {}, refusals={422: "y"})
    assert list(one.all_refusals) == [400, 401, 403, 404, 422, 503, 504]
    assert Route("GET", "/x", handler, "x", {}, open=True).all_refusals == {}
