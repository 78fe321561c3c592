"""The garbage collector: dependants go with their owners, before them (foreground), or are let go (orphan).

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from collections.abc import Iterator

from deploy.sandbox import deletion, writes
from deploy.sandbox.controllers.controller import MANAGER, Obj, Ref, delete, ref_of, resource_of
from deploy.sandbox.state import State
from deploy.sandbox.store import Change, Stored
from deploy.sandbox.target import Target

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Garbage:
    """Follows ownerReferences."""

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Objects with owners, objects on their way out, owners of what went, dependants of what went."""
        meta = change.new.obj["metadata"]
        if change.type == "DELETED":
            yield from (ref_of(key, item) for key, item in state.store.dependants(change.new.uid))
            for owner in meta.get("ownerReferences") or ():
                if place := state.store.by_uid.get(owner["uid"]):
                    yield place
        elif meta.get("ownerReferences") or {FOREGROUND, ORPHAN} & set(meta.get("finalizers") or ()):
            yield (change.key, change.namespace, change.name)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Collect the object, or finish its own deletion."""
        stored = state.store.get(*ref)
        if stored is None:
            return None
        meta = stored.obj["metadata"]
        if meta.get("deletionTimestamp"):
            finalizers = meta.get("finalizers") or ()
            if ORPHAN in finalizers:
                _let_go(state, ref, stored)
            elif FOREGROUND in finalizers:
                _go_last(state, ref, stored)
            return None
        if owners := meta.get("ownerReferences"):
            _follow(state, ref, stored.obj, owners)
        return None


def _follow(state: State, ref: Ref, obj: Obj, owners: list[Obj]) -> None:
    """Delete an object whose owners are all gone; forget single owners that are."""
    alive = [owner for owner in owners if _is_alive(state, owner, ref[1])]
    waiting = [owner for owner in alive if _is_waiting(state, owner)]
    if not alive:
        delete(state, ref)
    elif len(waiting) == len(alive):
        delete(state, ref, "Foreground" if state.store.dependants(obj["metadata"]["uid"]) else "Background")
    elif len(alive) < len(owners):
        _put_owners(state, ref, alive)


def _is_alive(state: State, owner: Obj, namespace: str) -> bool:
    place = state.store.by_uid.get(owner["uid"])
    return place is not None and place[1] in ("", namespace)


def _is_waiting(state: State, owner: Obj) -> bool:
    """Whether the owner waits for its dependants to go first."""
    stored = state.store.of_uid(owner["uid"])
    return stored is not None and FOREGROUND in (stored.obj["metadata"].get("finalizers") or ())


def _go_last(state: State, ref: Ref, stored: Stored) -> None:
    """Delete the dependants; without any that block, the owner may go."""
    dependants = state.store.dependants(stored.uid)
    for key, item in dependants:
        if not item.obj["metadata"].get("deletionTimestamp"):
            _follow(state, ref_of(key, item), item.obj, item.obj["metadata"]["ownerReferences"])
    if not any(_blocks(item.obj, stored.uid) for _, item in state.store.dependants(stored.uid)):
        deletion.release(state, Target(resource_of(state, ref[0]), ref[1], ref[2]), FOREGROUND)


def _blocks(obj: Obj, uid: str) -> bool:
    return any(o["uid"] == uid and o.get("blockOwnerDeletion") for o in obj["metadata"]["ownerReferences"])


def _let_go(state: State, ref: Ref, stored: Stored) -> None:
    for key, item in state.store.dependants(stored.uid):
        left = [owner for owner in item.obj["metadata"]["ownerReferences"] if owner["uid"] != stored.uid]
        _put_owners(state, ref_of(key, item), left)
    deletion.release(state, Target(resource_of(state, ref[0]), ref[1], ref[2]), ORPHAN)


def _put_owners(state: State, ref: Ref, owners: list[Obj]) -> None:
    def changed(live: Obj) -> Obj:
        return {**live, "metadata": {**live["metadata"], "ownerReferences": owners}}

    writes.patch(state, Target(resource_of(state, ref[0]), ref[1], ref[2]), changed, MANAGER)
