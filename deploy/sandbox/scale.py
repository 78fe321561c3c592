"""The `scale` subresource: replicas of a workload (or a custom resource) as an `autoscaling/v1` Scale."""

from typing import Any

from deploy.sandbox import writes
from deploy.sandbox.errors import ApiError, not_found
from deploy.sandbox.state import State
from deploy.sandbox.target import Options, Target

Obj = dict[str, Any]
DEFAULT_PATHS = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": "",
}


def read(state: State, target: Target) -> Obj:
    """The object's scale. Raises ApiError (404)."""
    stored = state.store.get(target.resource.key, target.namespace, target.name)
    if stored is None:
        raise not_found(target.resource, target.name)
    return _shown(target, stored.obj)


def write(state: State, target: Target, scale: Obj, options: Options) -> Obj:
    """Set the number of replicas. Raises ApiError: 404, 409, 422."""
    wanted = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(wanted, int) or wanted < 0:
        text = f'Scale.autoscaling "{target.name}" is invalid: spec.replicas: Invalid value: {wanted}: must be >= 0'
        raise ApiError(422, "Invalid", text)
    path = _paths(target)["specReplicasPath"].strip(".").split(".")
    revision = (scale.get("metadata") or {}).get("resourceVersion")

    def set_replicas(live: Obj) -> Obj:
        changed = _with(live, path, wanted)
        if revision:
            changed["metadata"] = {**changed["metadata"], "resourceVersion": revision}
        return changed

    written = writes.patch(state, target, set_replicas, options)
    return _shown(target, written.obj)


def _with(obj: Obj, path: list[str], value: Any) -> Obj:
    name, *rest = path
    return {**obj, name: _with(obj.get(name) or {}, rest, value) if rest else value}


def _paths(target: Target) -> dict[str, str]:
    return {**DEFAULT_PATHS, **target.resource.subresources["scale"].get("paths", {})}


def _shown(target: Target, obj: Obj) -> Obj:
    paths, meta = _paths(target), obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Obj = {"replicas": _at(obj, paths["statusReplicasPath"]) or 0}
    if selector := _at(obj, ".spec.selector.matchLabels"):
        status["selector"] = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    spec = {"replicas": replicas} if (replicas := _at(obj, paths["specReplicasPath"])) else {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: meta[name] for name in kept if name in meta},
        "spec": spec,
        "status": status,
    }


def _at(obj: Any, path: str) -> Any:
    for name in path.strip(".").split("."):
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj
