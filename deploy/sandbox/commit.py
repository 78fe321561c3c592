"""The last part of every write: allocation, generation, validation, managedFields, storing."""

from typing import Any

import orjson

from deploy.sandbox import managed, metadata, structural
from deploy.sandbox.errors import Problem, internal, invalid
from deploy.sandbox.kinds import kind_of
from deploy.sandbox.managed import Managers
from deploy.sandbox.state import State
from deploy.sandbox.store import Stored
from deploy.sandbox.target import Options, Target

Obj = dict[str, Any]
NOT_BROUGHT = (
    "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields", "generation", "resourceVersion",
    "namespace",
)  # fmt: skip
STORED_LIMIT = 1536 * 1024
"""Bytes of one object; etcd takes no larger request."""
KEPT = (
    "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "namespace",
    "resourceVersion",
)  # fmt: skip
"""Metadata that only the API itself sets."""


def create(state: State, target: Target, new: Obj, managers: Managers, options: Options) -> Obj:
    """Store a new object (decoded, with defaults). Raises ApiError (422)."""
    resource = target.resource
    _begin(state, target, new)
    if not resource.custom:
        kind_of(resource.group, resource.kind).prepare(new, None, state.allocator)
    _validate(target, new, None)
    if entries := managed.written(managers):
        new["metadata"]["managedFields"] = entries
    if options.dry_run:
        return new
    _check_size(new)
    return state.store.put(resource.key, new).obj


def _begin(state: State, target: Target, new: Obj) -> None:
    """Give a new object its identity and its kind's first status; take away what it may not bring."""
    resource, meta = target.resource, new["metadata"]
    for name in NOT_BROUGHT:
        meta.pop(name, None)
    meta |= {"uid": state.new_uid(), "creationTimestamp": state.now()}
    if resource.namespaced:
        meta["namespace"] = target.namespace
    if resource.counts_generation:
        meta["generation"] = 1
    if resource.has_status:
        new.pop("status", None)
        if not resource.custom:
            new["status"] = dict(resource.node.walk("status").defaults)


def update(state: State, target: Target, old: Stored, new: Obj, managers: Managers, options: Options) -> Obj:
    """Store a changed object, or nothing when it is the same. Raises ApiError (422).

    An object that is being deleted and loses its last finalizer goes.
    """
    resource, meta = target.resource, new["metadata"]
    _keep(meta, old.obj["metadata"])
    if not target.subresource and not resource.custom:
        kind_of(resource.group, resource.kind).prepare(new, old.obj, state.allocator)
    if resource.counts_generation and _wish_changed(target, old.obj, new):
        meta["generation"] = meta.get("generation", 0) + 1
    _validate(target, new, old.obj)
    if _same(old.obj, new, managers):
        return old.obj
    meta.pop("managedFields", None)
    if entries := managed.written(managers):
        meta["managedFields"] = entries
    if options.dry_run:
        return new
    if finished(new):
        return state.store.remove(resource.key, target.namespace, target.name, new).obj
    _check_size(new)
    return state.store.put(resource.key, new).obj


def _check_size(obj: Obj) -> None:
    if len(orjson.dumps(obj)) > STORED_LIMIT:
        raise internal("etcdserver: request is too large")


def _keep(meta: Obj, before: Obj) -> None:
    """Carry over what only the API itself sets."""
    for name in KEPT:
        meta.pop(name, None)
        if name in before:
            meta[name] = before[name]


def finished(obj: Obj) -> bool:
    """Whether nothing holds a deleted object back any more."""
    meta = obj["metadata"]
    held = meta.get("finalizers") or meta.get("deletionGracePeriodSeconds")
    if obj["kind"] == "Namespace" and obj["apiVersion"] == "v1":
        held = held or obj["spec"].get("finalizers")
    return bool(meta.get("deletionTimestamp")) and not held


def _wish_changed(target: Target, old: Obj, new: Obj) -> bool:
    """Whether the change counts for `generation`: the spec; of a custom resource all but metadata and its status."""
    resource = target.resource
    if target.subresource == "status":
        return False
    if resource.custom:
        return _wish(old, resource.has_status) != _wish(new, resource.has_status)
    if resource.kind == "Deployment" and old["metadata"].get("annotations") != new["metadata"].get("annotations"):
        return True
    return _wish(old, with_status=True) != _wish(new, with_status=True)


def _wish(obj: Obj, with_status: bool) -> Obj:
    left_out = {"metadata", "status"} if with_status else {"metadata"}
    return {name: value for name, value in obj.items() if name not in left_out}


def _validate(target: Target, new: Obj, old: Obj | None) -> None:
    resource = target.resource
    found: list[Problem] = metadata.problems(resource, new, old)
    if resource.custom:
        found += structural.problems(new, resource.node)
    elif not target.subresource:
        found += kind_of(resource.group, resource.kind).validate(new, old)
    if found:
        raise invalid(resource, new["metadata"].get("name", ""), found)


def _same(old: Obj, new: Obj, managers: Managers) -> bool:
    """Whether a write would change nothing but times in managedFields."""
    if managed.bare(old) != managed.bare(new):
        return False
    before = managed.read(old)
    return before.keys() == managers.keys() and all(
        before[key].fields == entry.fields and before[key].api_version == entry.api_version
        for key, entry in managers.items()
    )
