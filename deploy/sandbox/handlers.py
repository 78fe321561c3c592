"""One function per verb: a parsed request in, an answer out. Wiring to HTTP is `server`'s."""

from dataclasses import dataclass, replace
from typing import Any

import orjson

from deploy.sandbox import bodies, deletion, patch, reads, reviews, scale, writes
from deploy.sandbox.errors import Problem, invalid_options, not_allowed, unsupported
from deploy.sandbox.reads import Form
from deploy.sandbox.routes import Route
from deploy.sandbox.state import State, User
from deploy.sandbox.target import Options, Target, Written

Obj = dict[str, Any]
JOBS = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set"
    " propagationPolicy=Orphan to suppress this warning"
)
DEPRECATED = {"/endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"}
VALIDATIONS = ("Ignore", "Warn", "Strict")


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its transport."""

    user: User
    params: dict[str, str]
    content_type: str
    form: Form
    agent: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status, JSON body, and warnings for the client."""

    body: bytes
    code: int = 200
    warnings: tuple[str, ...] = ()


def answer(state: State, route: Route, request: Request) -> Answer:
    """The answer to any request but a watch, whose user may. Raises ApiError."""
    _check_verb(route)
    answered = _HANDLERS[route.verb](state, route.target, request)
    if (text := DEPRECATED.get(route.target.resource.key)) is not None:
        return replace(answered, warnings=(text, *answered.warnings))
    return answered


def _check_verb(route: Route) -> None:
    target = route.target
    if target.subresource:
        if route.verb not in target.resource.subresources[target.subresource]["verbs"]:
            raise not_allowed()
    elif route.verb not in target.resource.verbs or (route.verb == "create" and target.name):
        raise not_allowed()
    if not target.name and route.verb in ("update", "patch"):
        raise not_allowed()
    if target.resource.namespaced and not target.namespace and route.verb not in ("list", "watch"):
        raise not_allowed()


def _get(state: State, target: Target, request: Request) -> Answer:
    if target.subresource == "scale":
        return Answer(orjson.dumps(scale.read(state, target)))
    return Answer(reads.get(state, target, request.form))


def _list(state: State, target: Target, request: Request) -> Answer:
    query = reads.query_of(request.params, target.resource)
    return Answer(reads.list_all(state, target, query, request.form))


def _create(state: State, target: Target, request: Request) -> Answer:
    body = bodies.mapping(request.raw, request.content_type)
    if target.subresource == "token":
        return Answer(orjson.dumps(reviews.request_token(state, target, body)), 201)
    if (review := reviews.answer(state, target, body, request.user)) is not None:
        return Answer(orjson.dumps(review), 201)
    options = _options(request, duplicates=True)
    return _written(target, writes.create(state, target, body, options), options, request.form)


def _update(state: State, target: Target, request: Request) -> Answer:
    body, options = bodies.mapping(request.raw, request.content_type), _options(request, duplicates=True)
    if target.subresource == "scale":
        return Answer(orjson.dumps(scale.write(state, target, body, options)))
    if target.subresource == "finalize":
        return _finalize(state, target, body)
    return _written(target, writes.update(state, target, body, options), options, request.form)


def _patch(state: State, target: Target, request: Request) -> Answer:
    if target.subresource == "scale":
        return _patch_scale(state, target, request)
    if request.content_type in bodies.APPLY:
        options = replace(_options(request), manager=request.params.get("fieldManager", ""))
        config = bodies.mapping(request.raw, request.content_type)
        return _written(target, writes.apply(state, target, config, options), options, request.form)
    if request.params.get("force"):
        raise invalid_options(
            Problem("FieldValueForbidden", "force", "Forbidden: may not be specified for non-apply patch")
        )
    options = _options(request)
    change = bodies.change(target, request.content_type, request.raw)
    return _written(target, writes.patch(state, target, change, options), options, request.form)


def _patch_scale(state: State, target: Target, request: Request) -> Answer:
    live, body = scale.read(state, target), bodies.parse(request.raw, request.content_type)
    if request.content_type == "application/json-patch+json":
        wanted = patch.json_patch(live, body)
    else:
        wanted = patch.merge(live, body)
    return Answer(orjson.dumps(scale.write(state, target, wanted, _options(request))))


def _finalize(state: State, target: Target, body: Obj) -> Answer:
    stored = state.store.get(target.resource.key, "", target.name)
    if stored is not None:
        spec = {**stored.obj["spec"], "finalizers": (body.get("spec") or {}).get("finalizers") or []}
        changed = {**stored.obj, "spec": spec, "metadata": dict(stored.obj["metadata"])}
        deletion.store_or_finish(state, target, changed)
    return Answer(orjson.dumps(body))


def _delete(state: State, target: Target, request: Request) -> Answer:
    options = deletion.options_of(bodies.mapping(request.raw, request.content_type), request.params)
    orphans = options.propagation is None and target.resource.key == "batch/jobs"
    return Answer(orjson.dumps(deletion.delete(state, target, options)), warnings=(JOBS,) if orphans else ())


def _delete_all(state: State, target: Target, request: Request) -> Answer:
    options = deletion.options_of(bodies.mapping(request.raw, request.content_type), request.params)
    query = reads.query_of(request.params, target.resource)
    items = deletion.delete_all(state, target, query.matches, options)
    if not target.resource.custom:
        items = [{key: value for key, value in item.items() if key not in ("apiVersion", "kind")} for item in items]
    meta = {"continue": ""} if target.resource.custom else {}
    meta["resourceVersion"] = str(state.store.revision)
    kind = f"{target.resource.kind}List"
    body = {"kind": kind, "apiVersion": target.resource.api_version, "metadata": meta, "items": items}
    return Answer(orjson.dumps(body))


_HANDLERS = {
    "get": _get,
    "list": _list,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "deletecollection": _delete_all,
}


def _options(request: Request, *, duplicates: bool = False) -> Options:
    params = request.params
    validation = params.get("fieldValidation") or "Warn"
    if validation not in VALIDATIONS:
        raise invalid_options(unsupported("fieldValidation", validation, VALIDATIONS))
    dry_run = params.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise invalid_options(unsupported("dryRun", [dry_run], ("All",)))
    return Options(
        manager=params.get("fieldManager") or request.agent.split("/")[0][:128] or "unknown",
        dry_run=dry_run == "All",
        validation=validation,
        force=params.get("force") == "true",
        duplicates=bodies.duplicates(request.raw) if duplicates and validation != "Ignore" else (),
    )


def _written(target: Target, written: Written, options: Options, form: Form) -> Answer:
    obj = written.obj
    if obj["apiVersion"] != target.resource.api_version:
        obj = {**obj, "apiVersion": target.resource.api_version}
    if form == "metadata":
        obj = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
    return Answer(orjson.dumps(obj), 201 if written.created else 200, tuple(options.warnings))
