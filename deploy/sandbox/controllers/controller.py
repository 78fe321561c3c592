"""What a controller is, and what controllers do to objects: create children, write status, delete."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import orjson

from deploy.sandbox import deletion, writes
from deploy.sandbox.resources import Resource
from deploy.sandbox.state import State
from deploy.sandbox.store import Change, Stored
from deploy.sandbox.target import Options, Target

Obj = dict[str, Any]
Ref = tuple[str, str, str]
"""Resource key, namespace, name."""
MANAGER = Options(manager="kube-controller-manager", validation="Ignore")


class Controller(Protocol):
    """Brings one kind to what it should be, again and again."""

    def refs(self, state: State, change: Change) -> Iterable[Ref]:
        """The objects to look at after a change."""

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Bring the object nearer to its wish; the seconds after which to look again, if nothing else happens."""


def resource_of(state: State, key: str) -> Resource:
    """The resource behind a store key, at the version it is stored in. Raises KeyError."""
    return state.catalogue.stored()[key]


def create(state: State, group: str, plural: str, body: Obj) -> Obj:
    """Create an object in the namespace its metadata names. Raises ApiError."""
    namespace = body["metadata"].get("namespace", "")
    return writes.create(state, Target(state.catalogue.at(group, plural), namespace), body, MANAGER).obj


KUBELET = Options(manager="kubelet", validation="Ignore")


def set_status(
    state: State, ref: Ref, status: Obj, annotations: dict[str, str] | None = None, *, writer: Options = MANAGER
) -> None:
    """Write an object's status (and some annotations). Raises ApiError."""

    def changed(live: Obj) -> Obj:
        meta = live["metadata"]
        if annotations:
            meta = {**meta, "annotations": {**(meta.get("annotations") or {}), **annotations}}
        return {**live, "metadata": meta, "status": status}

    writes.patch(state, Target(resource_of(state, ref[0]), ref[1], ref[2], "status"), changed, writer)


def change_spec(state: State, ref: Ref, **values: Any) -> None:
    """Set fields of an object's spec. Raises ApiError."""
    target = Target(resource_of(state, ref[0]), ref[1], ref[2])
    writes.patch(state, target, lambda live: {**live, "spec": {**live["spec"], **values}}, MANAGER)


def delete(state: State, ref: Ref, propagation: str = "Background") -> None:
    """Delete an object without grace, if it is still there."""
    if state.store.get(*ref) is not None:
        target = Target(resource_of(state, ref[0]), ref[1], ref[2])
        deletion.delete(state, target, deletion.DeleteOptions(propagation=propagation, grace_s=0))


def controlled(state: State, uid: str, key: str) -> Iterator[Stored]:
    """The objects of one resource that this uid controls."""
    for found, stored in state.store.dependants(uid):
        if found == key and controller_of(stored.obj) == uid:
            yield stored


def controller_of(obj: Obj) -> str | None:
    """The uid of the controlling owner."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            uid: str = owner["uid"]
            return uid
    return None


def owner_reference(owner: Obj) -> Obj:
    """The reference of a child to the owner that controls it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def own_and_owners(state: State, change: Change, key: str) -> Iterator[Ref]:
    """The changed object if it is of this resource, and every such object that controls it."""
    if change.key == key:
        yield (key, change.namespace, change.name)
        return
    uid = controller_of(change.new.obj)
    place = state.store.by_uid.get(uid) if uid else None
    if place and place[0] == key:
        yield place


def ref_of(key: str, stored: Stored) -> Ref:
    """Where an object is."""
    meta = stored.obj["metadata"]
    return (key, meta.get("namespace", ""), meta["name"])


def digest(value: Any) -> str:
    """Ten signs that stand for a pod template."""
    raw = hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()
    return "".join("bcdfghjklmnpqrstvwxz2456789"[byte % 27] for byte in raw[:10])


def condition(kind: str, *, met: bool, reason: str, message: str, now: str, before: Obj | None = None) -> Obj:
    """A condition; its transition time stays while its status does."""
    status = "True" if met else "False"
    since = now
    for old in (before or {}).get("conditions") or ():
        if old["type"] == kind and old["status"] == status:
            since = old.get("lastTransitionTime", now)
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def counted(**counts: int) -> Obj:
    """The counts that aren't zero, as Go writes them."""
    return {name: count for name, count in counts.items() if count}


def is_ready(pod: Obj) -> bool:
    """Whether a pod is ready."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def is_active(pod: Obj) -> bool:
    """Whether a pod counts: neither over nor going."""
    over = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return not over and not pod["metadata"].get("deletionTimestamp")
