"""Claims are bound at once, and protected until they are deleted; there is no volume behind them."""

from collections.abc import Iterator

from deploy.sandbox import deletion
from deploy.sandbox.controllers.controller import Ref, change_spec, resource_of, set_status
from deploy.sandbox.state import State
from deploy.sandbox.store import Change
from deploy.sandbox.target import Target

KEY = "/persistentvolumeclaims"


class Claims:
    """Binds."""

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Each claim."""
        if change.key == KEY and change.type != "DELETED":
            yield (KEY, change.namespace, change.name)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Give it a volume's name and the size it asked for."""
        stored = state.store.get(*ref)
        if stored is None:
            return None
        if stored.obj["metadata"].get("deletionTimestamp"):
            target = Target(resource_of(state, KEY), ref[1], ref[2])
            deletion.release(state, target, "kubernetes.io/pvc-protection")
            return None
        if stored.obj["status"].get("phase") == "Bound":
            return None
        spec = stored.obj["spec"]
        if not spec.get("volumeName"):
            change_spec(state, ref, volumeName=f"pvc-{stored.uid}")
        size = (spec.get("resources") or {}).get("requests") or {}
        set_status(state, ref, {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": size})
        return None
