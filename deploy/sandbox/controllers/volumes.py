"""Claims are bound at once; there is no volume behind them."""

from collections.abc import Iterator

from deploy.sandbox.controllers.controller import Ref, change_spec, set_status
from deploy.sandbox.state import State
from deploy.sandbox.store import Change

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
        if stored is None or stored.obj["status"].get("phase") == "Bound":
            return None
        spec = stored.obj["spec"]
        if not spec.get("volumeName"):
            change_spec(state, ref, volumeName=f"pvc-{stored.uid}")
        size = (spec.get("resources") or {}).get("requests") or {}
        set_status(state, ref, {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": size})
        return None
