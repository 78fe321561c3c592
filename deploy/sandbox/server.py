"""The sandbox on HTTP: routes of aiohttp, authentication, content negotiation, errors as Status objects."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from deploy.sandbox import discovery, openapi, reads, watching
from deploy.sandbox.access import Action, acting_as, authenticate, require
from deploy.sandbox.errors import ApiError, bad_request, no_such_page
from deploy.sandbox.handlers import Request, answer
from deploy.sandbox.reads import Form
from deploy.sandbox.routes import VERBS, Route, place, resolve
from deploy.sandbox.state import State, User
from deploy.sandbox.watching import Watch

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STATE = web.AppKey("state", State)
JSON = "application/json"
OPEN_PATHS = ("/healthz", "/livez", "/readyz", "/version")


def build_app(state: State) -> web.Application:
    """The web application of one sandbox."""
    web_app = web.Application(client_max_size=16 * 1024 * 1024, middlewares=[_errors])
    web_app[STATE] = state
    for path in ("/healthz", "/livez", "/readyz"):
        web_app.router.add_get(path, _healthy)
    web_app.router.add_get("/openapi/v3", _document)
    web_app.router.add_get("/openapi/v3/{path:.+}", _document)
    for path in ("/version", "/api", "/api/", "/apis", "/apis/", "/api/v1", "/apis/{group}", "/apis/{group}/{version}"):
        web_app.router.add_get(path, _document)
    web_app.router.add_route("*", "/{path:.*}", _resource)
    return web_app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        if not error.reason and error.code == 404:
            return web.Response(status=404, text=error.message)
        return web.Response(status=error.code, body=orjson.dumps(error.status()), content_type=JSON)


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def _user(request: web.Request) -> User:
    state, headers = request.app[STATE], request.headers
    return acting_as(state, authenticate(state, headers.get("Authorization")), headers.get("Impersonate-User"))


async def _document(request: web.Request) -> web.Response:
    state, path = request.app[STATE], request.path.rstrip("/")
    user = _user(request)
    if path not in OPEN_PATHS:
        require(state, user, Action(verb="get", path=path))
    body, content_type = _described(state, path, request.headers.get("Accept", ""))
    return web.Response(body=orjson.dumps(body), headers={"Content-Type": content_type})


def _described(state: State, path: str, accept: str) -> tuple[Any, str]:
    catalogue = state.catalogue
    if path == "/version":
        return discovery.VERSION, JSON
    if path.startswith("/openapi/v3"):
        rest = path.removeprefix("/openapi/v3").strip("/")
        return (openapi.document(catalogue, rest) if rest else openapi.index(catalogue)), JSON
    parts = path.strip("/").split("/")
    if len(parts) == 1:
        if _wants_aggregated(accept):
            return discovery.aggregated(catalogue, core=path == "/api"), discovery.AGGREGATED
        return (discovery.versions() if path == "/api" else discovery.groups(catalogue)), JSON
    if parts[0] == "api":
        return discovery.resources(catalogue, "", parts[1]), JSON
    if len(parts) == 2:
        return discovery.group(catalogue, parts[1]), JSON
    return discovery.resources(catalogue, parts[1], parts[2]), JSON


def _wants_aggregated(accept: str) -> bool:
    return any(
        {"g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"} <= {part.strip() for part in kind.split(";")}
        for kind in accept.split(",")
    )


async def _resource(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    user = _user(request)
    if not request.path.startswith(("/api/", "/apis/")):
        require(state, user, Action(verb=VERBS.get(request.method, ""), path=request.path))
        raise no_such_page()
    params = dict(request.query)
    at = place(request.method, request.path, watch=params.get("watch") in ("1", "true"))
    require(state, user, at.action())
    found = resolve(state.catalogue, at)
    parsed = Request(
        user=user,
        params=params,
        content_type=request.content_type if "Content-Type" in request.headers else JSON,
        form=_form(request.headers.get("Accept", "")),
        agent=request.headers.get("User-Agent", ""),
        raw=await request.read(),
    )
    if found.verb == "watch":
        return await _watch(request, found, parsed)
    answered = answer(state, found, parsed)
    response = web.Response(status=answered.code, body=answered.body, content_type=JSON)
    for text in answered.warnings:
        response.headers.add("Warning", f'299 - "{_quoted(text)}"')
    return response


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _form(accept: str) -> Form:
    """Metadata only, if that is the first thing asked for."""
    first = accept.split(",")[0]
    return "metadata" if "as=PartialObjectMetadata" in first.replace(" ", "") else "whole"


async def _watch(request: web.Request, found: Route, parsed: Request) -> web.StreamResponse:
    state, params = request.app[STATE], parsed.params
    try:
        timeout_s = float(params.get("timeoutSeconds") or 1800)
    except ValueError:
        raise bad_request(f"invalid timeoutSeconds: {params['timeoutSeconds']!r}") from None
    watch = Watch(
        target=found.target,
        query=reads.query_of(params, found.target.resource),
        form=parsed.form,
        bookmarks=params.get("allowWatchBookmarks") in ("1", "true"),
        send_initial=params.get("sendInitialEvents") in ("1", "true"),
        timeout_s=timeout_s,
    )
    response = web.StreamResponse(headers={"Content-Type": JSON})
    response.enable_chunked_encoding()
    await response.prepare(request)
    async for lines in watching.events(state, watch):
        await response.write(lines)
    await response.write_eof()
    return response
