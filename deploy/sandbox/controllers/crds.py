"""CustomResourceDefinitions: established and served soon after they are written; their objects go with them."""

from collections.abc import Iterator

from deploy.sandbox import deletion, writes
from deploy.sandbox.controllers.controller import Obj, Ref, condition, delete
from deploy.sandbox.resources import of_crd
from deploy.sandbox.state import State
from deploy.sandbox.store import Change
from deploy.sandbox.target import Options, Target

KEY = deletion.CRDS
SERVER = Options(manager="kube-apiserver", validation="Ignore")


class Crds:
    """Serves what CRDs define."""

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Each CRD; one that is gone is no longer served, at once."""
        if change.key == KEY and change.type == "DELETED":
            state.catalogue.withdraw(change.new.obj)
        elif change.key == KEY:
            yield (KEY, "", change.name)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Serve it and say so; or clean up after it."""
        stored = state.store.get(*ref)
        if stored is None:
            return None
        crd = stored.obj
        if crd["metadata"].get("deletionTimestamp"):
            return _clean_up(state, ref, crd)
        state.catalogue.serve(crd)
        _set_status(state, ref, _status(crd, state.now()))
        return None


def _target(state: State, ref: Ref, subresource: str = "") -> Target:
    return Target(state.catalogue.at("apiextensions.k8s.io", "customresourcedefinitions"), "", ref[2], subresource)


def _set_status(state: State, ref: Ref, status: Obj) -> None:
    writes.patch(state, _target(state, ref, "status"), lambda live: {**live, "status": status}, SERVER)


def _status(crd: Obj, now: str) -> Obj:
    names = crd["spec"]["names"]
    texts = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    before = crd.get("status") or {}
    storage = [version["name"] for version in crd["spec"]["versions"] if version.get("storage")]
    stored = list(dict.fromkeys([*(before.get("storedVersions") or ()), *storage]))
    conditions = [
        condition(kind, met=True, reason=reason, message=message, now=now, before=before)
        for kind, reason, message in texts
    ]
    return {"acceptedNames": names, "conditions": conditions, "storedVersions": stored}


def _clean_up(state: State, ref: Ref, crd: Obj) -> float | None:
    """Delete every object of the CRD; look again while some are held back."""
    resources = of_crd(crd, state.catalogue.types)
    key = resources[0].key if resources else ""
    for namespace, name, _ in list(state.store.rows(key)):
        delete(state, (key, namespace, name))
    if next(state.store.rows(key), None) is not None:
        return state.config.settle_s * 5
    deletion.release(state, _target(state, ref), deletion.CRD_FINALIZER)
    return None
