"""Namespaces: what each one has from the start, and the end of one: its content goes, then itself."""

from collections.abc import Iterator

from deploy.sandbox import deletion
from deploy.sandbox.controllers.controller import Obj, Ref, condition, create, delete
from deploy.sandbox.state import State
from deploy.sandbox.store import Change
from deploy.sandbox.target import Target

KEY = "/namespaces"
DESCRIPTION = "kubernetes.io/description"


class Namespaces:
    """Furnishes and clears namespaces."""

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Each namespace, and one that is being cleared when something in it goes."""
        if change.key == KEY and change.type != "DELETED":
            yield (KEY, "", change.name)
        elif change.type == "DELETED" and change.namespace:
            yield (KEY, "", change.namespace)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Make the default account; or delete the content and let the namespace go."""
        stored = state.store.get(*ref)
        if stored is None:
            return None
        if not stored.obj["metadata"].get("deletionTimestamp"):
            _furnish(state, ref[2])
            return None
        keys = [key for key, resource in state.catalogue.stored().items() if resource.namespaced]
        for key in keys:
            for namespace, name, _ in list(state.store.rows(key, ref[2])):
                delete(state, (key, namespace, name))
        left = sum(1 for key in keys for _ in state.store.rows(key, ref[2]))
        if left:
            _report(state, ref, stored.obj, left)
            return state.config.settle_s * 5
        spec = {key: value for key, value in stored.obj["spec"].items() if key != "finalizers"}
        target = Target(state.catalogue.at("", "namespaces"), "", ref[2])
        deletion.store_or_finish(state, target, {**stored.obj, "spec": spec, "metadata": {**stored.obj["metadata"]}})
        return None


def _furnish(state: State, name: str) -> None:
    if state.store.get("/serviceaccounts", name, "default") is None:
        create(state, "", "serviceaccounts", {"metadata": {"name": "default", "namespace": name}})
    if state.store.get("/configmaps", name, "kube-root-ca.crt") is None:
        meta = {
            "name": "kube-root-ca.crt",
            "namespace": name,
            "annotations": {DESCRIPTION: "This API speaks plain HTTP."},
        }
        body = {"metadata": meta, "data": {"ca.crt": ""}}
        create(state, "", "configmaps", body)


def _report(state: State, ref: Ref, namespace: Obj, left: int) -> None:
    """Say what holds the namespace back; silent while nothing changes."""
    made = condition(
        "NamespaceContentRemaining",
        met=True,
        reason="SomeResourcesRemain",
        message=f"Some resources are remaining: {left} objects",
        now=state.now(),
        before=namespace["status"],
    )
    status = {"phase": "Terminating", "conditions": [made]}
    if namespace["status"] != status:
        state.store.put(KEY, {**namespace, "metadata": {**namespace["metadata"]}, "status": status})
