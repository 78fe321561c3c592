"""A small API server for the receiver's tests: tokens, permissions, two Secrets, Applications; and it can be away."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonpatch
from aiohttp import web
from aiohttp.test_utils import TestServer

APPS = "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"


class ApiServer:
    """What it knows; tests change it as they like."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}
        """Token -> status of its TokenReview when it is asked for an audience the token has."""
        self.audiences: dict[str, list[str]] = {}
        """Token -> the audiences it was made for; none: the API server's own."""
        self.allowed: set[tuple[str, str, str]] = set()
        """User, verb, namespace."""
        self.secrets: dict[str, dict[str, str]] = {}
        self.applications: dict[tuple[str, str], dict[str, Any]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.wrote: list[tuple[str, str]] = []
        """Verb and token of each write of a whole Application."""
        self.away = False
        self.conflicts = 0
        """So many patches fail since somebody else wrote first."""
        self.url = ""

    def user(self, token: str, name: str, *verbs: str, namespace: str = "pilothouse", **more: Any) -> str:
        """A user with a token and what they may do; returns the token."""
        self.tokens[token] = {"authenticated": True, "user": {"username": name, **more}}
        self.allowed |= {(name, verb, namespace) for verb in verbs}
        return token

    def application(self, name: str, namespace: str = "pilothouse", **parts: Any) -> dict[str, Any]:
        """An Application."""
        metadata = {"name": name, "namespace": namespace, "resourceVersion": "1", "managedFields": [{"manager": "x"}]}
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": {}, **parts}
        self.applications[namespace, name] = body
        return body

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig for it."""
        path = folder / "kubeconfig"
        cluster = {"name": "c", "cluster": {"server": self.url}}
        user = {"name": "u", "user": {"token": "the-receivers-own"}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        path.write_text(
            json.dumps({"current-context": "x", "clusters": [cluster], "users": [user], "contexts": [context]})
        )
        return path


@asynccontextmanager
async def running() -> AsyncIterator[ApiServer]:
    """Serve on a free port."""
    api = ApiServer()
    web_app = web.Application(middlewares=[_noted(api)])
    web_app.router.add_get("/version", _version)
    web_app.router.add_post("/apis/authentication.k8s.io/v1/tokenreviews", _token_review(api))
    web_app.router.add_post("/apis/authorization.k8s.io/v1/subjectaccessreviews", _access_review(api))
    web_app.router.add_get("/api/v1/namespaces/{namespace}/secrets/{name}", _secret(api))
    web_app.router.add_get(APPS, _list(api))
    web_app.router.add_get(f"{APPS}/{{name}}", _get(api))
    web_app.router.add_patch(f"{APPS}/{{name}}", _patch(api))
    web_app.router.add_get(APPS.replace("applications", "appprojects") + "/{name}", _no_project)
    web_app.router.add_post(APPS, _create(api))
    web_app.router.add_delete(f"{APPS}/{{name}}", _delete(api))
    server = TestServer(web_app)
    await server.start_server()
    api.url = str(server.make_url("")).rstrip("/")
    try:
        yield api
    finally:
        await server.close()


def _noted(api: ApiServer) -> Any:
    @web.middleware
    async def noted(request: web.Request, handler: Any) -> web.StreamResponse:
        api.asked.append((request.method, request.path, json.loads(await request.read() or b"null")))
        if api.away:
            return web.json_response(_status(503, "ServiceUnavailable"), status=503)
        found: web.StreamResponse = await handler(request)
        return found

    return noted


def _token_review(api: ApiServer) -> Any:
    async def review(request: web.Request) -> web.Response:
        spec = (await request.json())["spec"]
        made_for = api.audiences.get(spec["token"], ["https://kubernetes.default.svc"])
        wanted = spec.get("audiences") or ["https://kubernetes.default.svc"]
        common = [audience for audience in wanted if audience in made_for]
        found = api.tokens.get(spec["token"])
        status = {**found, "audiences": common} if found and common else {"authenticated": False}
        return await _answer({"kind": "TokenReview", "status": status}, 201)

    return review


def _access_review(api: ApiServer) -> Any:
    async def review(request: web.Request) -> web.Response:
        spec = (await request.json())["spec"]
        wanted = spec["resourceAttributes"]
        assert (wanted["group"], wanted["resource"]) == ("argoproj.io", "applications")
        allowed = (spec["user"], wanted["verb"], wanted["namespace"]) in api.allowed
        return await _answer({"kind": "SubjectAccessReview", "status": {"allowed": allowed}}, 201)

    return review


def _secret(api: ApiServer) -> Any:
    async def get(request: web.Request) -> web.Response:
        data = api.secrets.get(request.match_info["name"])
        if data is None:
            return await _answer(_status(404, "NotFound"), 404)
        return await _answer(
            {"kind": "Secret", "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}}
        )

    return get


def _list(api: ApiServer) -> Any:
    async def get(request: web.Request) -> web.Response:
        if request.query.get("labelSelector") == "!!":
            return await _answer(_status(400, "BadRequest", "unable to parse requirement"), 400)
        names = sorted(name for namespace, name in api.applications if namespace == request.match_info["namespace"])
        start, limit = int(request.query.get("continue", "0")), int(request.query.get("limit", "500"))
        found = [api.applications[request.match_info["namespace"], name] for name in names[start : start + limit]]
        following = str(start + limit) if start + limit < len(names) else ""
        return await _answer({"kind": "ApplicationList", "items": found, "metadata": {"continue": following}})

    return get


def _get(api: ApiServer) -> Any:
    async def get(request: web.Request) -> web.Response:
        found = api.applications.get((request.match_info["namespace"], request.match_info["name"]))
        return await (_answer(found) if found else _answer(_status(404, "NotFound"), 404))

    return get


def _patch(api: ApiServer) -> Any:
    async def patch(request: web.Request) -> web.Response:
        key = (request.match_info["namespace"], request.match_info["name"])
        found = api.applications[key]
        changes = await request.json()
        if api.conflicts:
            api.conflicts -= 1
            found["metadata"]["resourceVersion"] += "1"
        if isinstance(changes, dict):
            found["metadata"].setdefault("annotations", {}).update(changes["metadata"]["annotations"])
            return await _answer(found)
        try:
            api.applications[key] = jsonpatch.apply_patch(found, changes)
        except jsonpatch.JsonPatchTestFailed:
            return await _answer(
                _status(422, "Invalid", "the server rejected our request due to an error in our request"), 422
            )
        return await _answer(api.applications[key])

    return patch


def _create(api: ApiServer) -> Any:
    async def create(request: web.Request) -> web.Response:
        api.wrote.append(("POST", request.headers["Authorization"]))
        body = await request.json()
        body["metadata"] |= {"uid": "u", "resourceVersion": "1"}
        key = (request.match_info["namespace"], body["metadata"]["name"])
        if key in api.applications:
            return await _answer(_status(409, "AlreadyExists"), 409)
        api.applications[key] = body
        return await _answer(body, 201)

    return create


def _delete(api: ApiServer) -> Any:
    async def delete(request: web.Request) -> web.Response:
        api.wrote.append(("DELETE", request.headers["Authorization"]))
        key = (request.match_info["namespace"], request.match_info["name"])
        metadata = api.applications[key]["metadata"]
        if metadata.get("finalizers"):
            metadata["deletionTimestamp"] = "2026-11-01T12:00:00Z"
            return await _answer(api.applications[key])
        del api.applications[key]
        return await _answer({"kind": "Status", "status": "Success"})

    return delete


def _status(code: int, reason: str, message: str = "") -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}


async def _no_project(_: web.Request) -> web.Response:
    return await _answer(_status(404, "NotFound"), 404)


async def _version(_: web.Request) -> web.Response:
    return await _answer({"gitVersion": "v1.36.0"})


async def _answer(body: Any, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)
