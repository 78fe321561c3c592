"""Create, update, patch and server-side apply: from a parsed body to the stored object."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from deploy.sandbox import commit, managed
from deploy.sandbox.admission import admit_to_namespace, check_identity
from deploy.sandbox.configuration import check
from deploy.sandbox.decode import Decoded
from deploy.sandbox.errors import (
    MODIFIED,
    already_exists,
    bad_request,
    conflict,
    internal,
    invalid,
    invalid_options,
    invalid_value,
    not_found,
    required,
)
from deploy.sandbox.kinds import kind_of
from deploy.sandbox.managed import Managers, Writer
from deploy.sandbox.state import State
from deploy.sandbox.store import Stored
from deploy.sandbox.target import Options, Target, Written
from deploy.sandbox.typed import TypedError

Obj = dict[str, Any]


def create(state: State, target: Target, body: Obj, options: Options) -> Written:
    """Create the object in `body`. Raises ApiError: 400, 403, 404 (namespace), 409 (exists), 422."""
    check_identity(target, body)
    new = _decoded(target, body, options)
    meta = new.setdefault("metadata", {})
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"][:58] + state.suffix()
    name = meta.get("name", "")
    _default(target, new)
    if target.resource.has_status:
        new.pop("status", None)
    if meta.get("resourceVersion"):
        raise internal("resourceVersion should not be set on objects to be created")
    admit_to_namespace(state, target, name)
    if state.store.get(target.resource.key, target.namespace, name) is not None:
        raise already_exists(target.resource, name)
    managers = managed.updated(
        _empty(target), new, {}, writer=_writer(state, target, options), node=target.resource.node
    )
    return Written(commit.create(state, target, new, managers, options), created=True)


def update(state: State, target: Target, body: Obj, options: Options) -> Written:
    """Replace the object (or its status) by `body`. Raises ApiError: 400, 404, 409, 422."""
    check_identity(target, body)
    old = _existing(state, target)
    meta = body.get("metadata") or {}
    if not meta.get("resourceVersion") and target.resource.custom:
        problem = invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
        raise invalid(replace(target.resource, kind=target.resource.plural), target.name, [problem])
    _check_preconditions(target, old, meta)
    return _replaced(state, target, old, body, options)


def patch(state: State, target: Target, change: Callable[[Obj], Obj], options: Options) -> Written:
    """Change the object by a function of its live state. Raises ApiError: 400, 404, 409, 422."""
    old = _existing(state, target)
    live = old.obj
    if live["apiVersion"] != target.resource.api_version:
        live = {**live, "apiVersion": target.resource.api_version}
    body = change(live)
    check_identity(target, body)
    meta = body.get("metadata") or {}
    _check_same_uid(target, old, {"uid": "", **meta})
    _check_preconditions(target, old, meta)
    return _replaced(state, target, old, body, options, patched=True)


def _replaced(
    state: State, target: Target, old: Stored, body: Obj, options: Options, *, patched: bool = False
) -> Written:
    resource = target.resource
    new = _decoded(target, body, options, patched=patched)
    new.setdefault("metadata", {})["name"] = target.name
    new = _own_part(target, old.obj, new)
    _default(target, new)
    given = (body.get("metadata") or {}).get("managedFields")
    # An empty list clears it; from then on nobody is tracked until the next apply.
    managers = {} if given in ([], [{}]) else _managers_after(state, target, old, new, options)
    new["apiVersion"] = old.obj["apiVersion"] if resource.custom else resource.api_version
    return Written(commit.update(state, target, old, new, managers, options))


def _managers_after(state: State, target: Target, old: Stored, new: Obj, options: Options) -> Managers:
    """The owners after an update; a body may rewrite the list."""
    managers = managed.read(new) or managed.read(old.obj)
    if not managers:
        return {}
    writer = _writer(state, target, options)
    return managed.updated(
        _comparable(old.obj, new), managed.bare(new), managers, writer=writer, node=target.resource.node
    )


def _comparable(old: Obj, new: Obj) -> Obj:
    return {**managed.bare(old), "apiVersion": new["apiVersion"]}


def apply(state: State, target: Target, config: Obj, options: Options) -> Written:
    """Server-side apply. Raises ApiError: 400, 404, 405, 409 (conflict, preconditions), 422, 500 (doesn't fit)."""
    _check_configuration(target, config, options)
    old = state.store.get(target.resource.key, target.namespace, target.name)
    meta = config.get("metadata") or {}
    if old is not None:
        _check_same_uid(target, old, meta)
        _check_preconditions(target, old, meta)
    elif target.subresource:
        raise not_found(target.resource, target.name)
    elif meta.get("uid"):
        text = f"uid mismatch: the provided object specified uid {meta['uid']}, and no existing object was found"
        raise conflict(target.resource, target.name, text)
    else:
        admit_to_namespace(state, target, target.name)
    return _applied(state, target, old, config, options)


def _applied(state: State, target: Target, old: Stored | None, config: Obj, options: Options) -> Written:
    resource, writer = target.resource, _writer(state, target, options)
    live = managed.bare(old.obj) if old is not None else _empty(target)
    live = {**live, "apiVersion": resource.api_version}
    managers = managed.read(old.obj) if old is not None else {}
    if old is not None and not managers:
        managers = managed.before_first_apply(live, writer=writer, node=resource.node)
    config = _applied_part(target, config)
    outcome = managed.applied(live, config, managers, writer=writer, node=resource.node, force=options.force)
    if old is not None and outcome.obj == live and outcome.managers == managed.read(old.obj):
        return Written(old.obj)
    new = _decoded(target, outcome.obj, options)
    _default(target, new)
    if old is None:
        return Written(commit.create(state, target, new, outcome.managers, options), created=True)
    new["apiVersion"] = old.obj["apiVersion"]
    return Written(commit.update(state, target, old, new, outcome.managers, options))


def _check_configuration(target: Target, config: Obj, options: Options) -> None:
    resource = target.resource
    group, _, version = str(config.get("apiVersion") or "").rpartition("/")
    if config.get("apiVersion") != resource.api_version or config.get("kind") != resource.kind:
        raise bad_request(f"invalid object type: {group}/{version}, Kind={config.get('kind') or ''}")
    check_identity(target, config)
    meta = config.get("metadata") or {}
    if not options.manager:
        raise invalid_options(required("fieldManager", "is required for apply patch"))
    if meta.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    try:
        check(config, resource.node)
    except TypedError as error:
        kind = f"{resource.group}/{resource.version}, Kind={resource.kind}"
        where = f"{meta.get('namespace') or ''}/{meta.get('name') or ''}"
        raise internal(f"failed to create typed patch object ({where}; {kind}): {error}") from None


def _applied_part(target: Target, config: Obj) -> Obj:
    """The configuration without preconditions, and without what this endpoint doesn't write."""
    meta = {k: v for k, v in (config.get("metadata") or {}).items() if k not in ("resourceVersion", "uid")}
    meta["name"] = target.name
    if target.namespace:
        meta["namespace"] = target.namespace
    config = {**config, "metadata": meta}
    if target.subresource == "status":
        kept = ("apiVersion", "kind", "status")
        identity = {name: meta[name] for name in ("name", "namespace") if name in meta}
        return {**{name: config[name] for name in kept if name in config}, "metadata": identity}
    if target.resource.has_status:
        config.pop("status", None)
    return config


def _own_part(target: Target, old: Obj, new: Obj) -> Obj:
    """The new object as far as this endpoint may change it: `/status` only the status, the main one all but it."""
    if target.subresource == "status":
        kept = {name: value for name, value in old.items() if name != "status"}
        meta = {**old["metadata"], "managedFields": new["metadata"].get("managedFields")}
        if not target.resource.custom and "annotations" in new["metadata"]:
            meta["annotations"] = new["metadata"]["annotations"]
        status = {"status": new["status"]} if "status" in new else {}
        return {**kept, "apiVersion": new["apiVersion"], "metadata": meta, **status}
    if target.resource.has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    return new


def _check_same_uid(target: Target, old: Stored, meta: Obj) -> None:
    """Raise ApiError (422) when a patch would give the object another uid; an old version (409) is told first."""
    _check_version(target, old, meta)
    if meta.get("uid", old.uid) != old.uid:
        problem = invalid_value("metadata.uid", meta["uid"], "field is immutable")
        raise invalid(target.resource, target.name, [problem, problem])


def _check_preconditions(target: Target, old: Stored, meta: Obj) -> None:
    """Raise ApiError (409) when the writer saw another object or another version of it."""
    before = old.obj["metadata"]
    if meta.get("uid") and meta["uid"] != before["uid"]:
        place = "/".join(part for part in (target.resource.plural, target.namespace, target.name) if part)
        text = (
            f"StorageError: invalid object, Code: 4, Key: /registry/{place}, ResourceVersion: 0, AdditionalErrorMsg:"
            f" Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {before['uid']}"
        )
        raise conflict(target.resource, target.name, text)
    _check_version(target, old, meta)


def _check_version(target: Target, old: Stored, meta: Obj) -> None:
    if meta.get("resourceVersion") and meta["resourceVersion"] != old.obj["metadata"]["resourceVersion"]:
        raise conflict(target.resource, target.name, MODIFIED)


def _existing(state: State, target: Target) -> Stored:
    old = state.store.get(target.resource.key, target.namespace, target.name)
    if old is None:
        raise not_found(target.resource, target.name)
    return old


def _decoded(target: Target, body: Obj, options: Options, *, patched: bool = False) -> Obj:
    resource = target.resource
    decoded = Decoded(body, resource)
    if options.validation == "Strict":
        decoded.refuse_unknown(list(options.duplicates), body if patched else None)
    elif options.validation == "Warn":
        options.warnings.extend(decoded.problems(list(options.duplicates)))
    decoded.obj["apiVersion"], decoded.obj["kind"] = resource.api_version, resource.kind
    return decoded.obj


def _default(target: Target, obj: Obj) -> None:
    if not target.resource.custom and not target.subresource:
        kind_of(target.resource.group, target.resource.kind).defaults(obj)


def _empty(target: Target) -> Obj:
    """What a new object is compared with: the kind's empty value, as far as it is never absent."""
    resource = target.resource
    meta = {"name": target.name, "namespace": target.namespace} if target.namespace else {"name": target.name}
    identity = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta}
    return identity if resource.custom else {**resource.node.empty(), **identity}


def _writer(state: State, target: Target, options: Options) -> Writer:
    return Writer(options.manager, target.resource.api_version, target.subresource, state.now())
