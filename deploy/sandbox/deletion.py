"""Deleting: preconditions, finalizers, propagation. What follows from it is the work of the controllers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy.sandbox import commit
from deploy.sandbox.errors import Problem, failed_precondition, forbidden, invalid_options, not_found
from deploy.sandbox.state import State
from deploy.sandbox.store import Stored
from deploy.sandbox.target import Target

Obj = dict[str, Any]
NAMESPACES = "/namespaces"
CRDS = "apiextensions.k8s.io/customresourcedefinitions"
CRD_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
SHOWN_WHEN_GONE = {
    "/pods", "/podtemplates", "/resourcequotas", "/serviceaccounts", "/services", "/persistentvolumes",
    "/persistentvolumeclaims", "storage.k8s.io/storageclasses", "storage.k8s.io/csidrivers",
}  # fmt: skip
"""Kinds whose last state is answered instead of a Status."""
KEPT_NAMESPACES = ("default", "kube-system", "kube-public")
POLICIES = ("Foreground", "Background", "Orphan")
ORPHANED_BY_DEFAULT = {"batch/jobs", "/replicationcontrollers"}
"""Kinds that leave their pods behind unless told otherwise, for old clients' sake."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """The body or query of a DELETE; `None`: not said."""

    propagation: str | None = None
    grace_s: int | None = None
    uid: str | None = None
    revision: str | None = None
    dry_run: bool = False


def options_of(body: Obj, query: dict[str, str]) -> DeleteOptions:
    """The options of a request; the body wins. Raises ApiError (422) for an unknown policy."""
    preconditions = body.get("preconditions") or {}
    policy = body.get("propagationPolicy") or query.get("propagationPolicy")
    orphan = body.get("orphanDependents", query.get("orphanDependents"))
    if policy is None and orphan is not None:
        policy = "Orphan" if orphan in (True, "true", "1") else "Background"
    if policy is not None and policy not in POLICIES:
        listed = ", ".join(f'"{name}"' for name in POLICIES)
        text = f'Unsupported value: "{policy}": supported values: {listed}, "nil"'
        raise invalid_options(Problem("FieldValueNotSupported", "propagationPolicy", text), "DeleteOptions")
    grace = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    return DeleteOptions(
        propagation=policy,
        grace_s=None if grace is None else int(grace),
        uid=preconditions.get("uid"),
        revision=preconditions.get("resourceVersion"),
        dry_run="All" in (*(body.get("dryRun") or ()), query.get("dryRun")),
    )


def delete(state: State, target: Target, options: DeleteOptions) -> Obj:
    """Delete one object; what is answered: a Status, or the object while something holds it back.

    Raises ApiError: 403 (namespaces that must stay), 404, 409 (preconditions).
    """
    stored = state.store.get(target.resource.key, target.namespace, target.name)
    if stored is None:
        raise not_found(target.resource, target.name)
    _check(target, stored, options)
    if (marked := _marked(state, target, stored, options)) is None:
        return _removed(state, target, stored, options)
    if options.dry_run or marked is stored.obj:
        return marked
    return state.store.put(target.resource.key, marked).obj


def delete_all(
    state: State, target: Target, matches: Callable[[Obj], bool] | None, options: DeleteOptions
) -> list[Obj]:
    """Delete every object of a collection that matches; returns what they were."""
    resource = target.resource
    found = [row for row in state.store.rows(resource.key, target.namespace) if not matches or matches(row[2].obj)]
    for namespace, name, _ in found:
        delete(state, Target(resource, namespace, name), options)
    return [stored.obj for _, _, stored in found]


def _check(target: Target, stored: Stored, options: DeleteOptions) -> None:
    meta, resource = stored.obj["metadata"], target.resource
    if options.uid is not None and options.uid != meta["uid"]:
        text = f"the UID in the precondition ({options.uid}) does not match the UID in record ({meta['uid']})."
        raise failed_precondition(
            resource, target.name, f"{text} The object might have been deleted and then recreated"
        )
    if options.revision is not None and options.revision != meta["resourceVersion"]:
        text = f"the ResourceVersion in the precondition ({options.revision}) does not match the ResourceVersion"
        raise failed_precondition(
            resource, target.name, f"{text} in record ({meta['resourceVersion']}). The object might have been modified"
        )
    if resource.key == NAMESPACES and target.name in KEPT_NAMESPACES:
        raise forbidden(resource, target.name, "this namespace may not be deleted")


def _marked(state: State, target: Target, stored: Stored, options: DeleteOptions) -> Obj | None:
    """The object with a deletion timestamp, or `None` when it can go at once. The same object: marked already."""
    obj, meta = stored.obj, dict(stored.obj["metadata"])
    finalizers = _finalizers(target, meta, options)
    grace = _grace(target, obj, options)
    if not finalizers and not grace and not _holds_content(target, obj):
        return None
    if meta.get("deletionTimestamp") and finalizers == (meta.get("finalizers") or []):
        return obj
    if _holds_content(target, obj):
        return _ending(state, obj, finalizers)
    if not meta.get("deletionTimestamp"):
        meta |= {"deletionTimestamp": state.now(), "deletionGracePeriodSeconds": grace}
        if "generation" in meta:
            meta["generation"] += 1
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
    return {**obj, "metadata": meta}


def _ending(state: State, obj: Obj, finalizers: list[str]) -> Obj:
    """A namespace or CRD that goes once its content is gone."""
    meta, status = {**obj["metadata"], "deletionTimestamp": state.now()}, dict(obj.get("status") or {})
    if obj["kind"] == "Namespace":
        return {**obj, "metadata": meta, "status": {**status, "phase": "Terminating"}}
    ending = {
        "type": "Terminating",
        "status": "True",
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        "lastTransitionTime": state.now(),
    }
    meta["finalizers"] = [*finalizers, CRD_FINALIZER]
    return {**obj, "metadata": meta, "status": {**status, "conditions": [*(status.get("conditions") or ()), ending]}}


def _finalizers(target: Target, meta: Obj, options: DeleteOptions) -> list[str]:
    """The object's finalizers with those that the wanted propagation asks for."""
    kept = [name for name in meta.get("finalizers") or () if name not in ("orphan", "foregroundDeletion")]
    policy = options.propagation
    if policy is None and target.resource.key in ORPHANED_BY_DEFAULT:
        policy = "Orphan"
    if policy is None:
        return list(meta.get("finalizers") or ())
    added = {"Orphan": ["orphan"], "Foreground": ["foregroundDeletion"]}.get(policy, [])
    return kept + added


def _grace(target: Target, obj: Obj, options: DeleteOptions) -> int:
    """Seconds a pod on a node is given; everything else goes at once."""
    if target.resource.key != "/pods" or not obj["spec"].get("nodeName"):
        return 0
    if obj.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    if options.grace_s is not None:
        return options.grace_s
    return int(obj["spec"].get("terminationGracePeriodSeconds", 30))


def _holds_content(target: Target, obj: Obj) -> bool:
    """A namespace and a CRD go when their content is gone."""
    if target.resource.key == NAMESPACES:
        return bool(obj["spec"].get("finalizers"))
    return target.resource.key == CRDS


def _removed(state: State, target: Target, stored: Stored, options: DeleteOptions) -> Obj:
    resource = target.resource
    if not options.dry_run:
        state.store.remove(resource.key, target.namespace, target.name)
    if resource.key in SHOWN_WHEN_GONE:
        return stored.obj
    details = {"name": target.name, "group": resource.group, "kind": resource.plural, "uid": stored.uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }


def release(state: State, target: Target, finalizer: str) -> None:
    """Take a finalizer off an object, as the controller that put it there does; the last one lets it go."""
    stored = state.store.get(target.resource.key, target.namespace, target.name)
    if stored is None or finalizer not in (stored.obj["metadata"].get("finalizers") or ()):
        return
    meta = dict(stored.obj["metadata"])
    meta["finalizers"] = [name for name in meta["finalizers"] if name != finalizer]
    if not meta["finalizers"]:
        del meta["finalizers"]
    store_or_finish(state, target, {**stored.obj, "metadata": meta})


def store_or_finish(state: State, target: Target, obj: Obj) -> None:
    """Store a changed object, or remove it when nothing holds it back any more."""
    if commit.finished(obj):
        state.store.remove(target.resource.key, target.namespace, target.name, obj)
    else:
        state.store.put(target.resource.key, obj)
