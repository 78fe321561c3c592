"""Autoscalers watch and find nothing to do: their status says so, their target keeps its replicas."""

from collections.abc import Iterator

from deploy.sandbox.controllers.controller import Ref, condition, set_status
from deploy.sandbox.state import State
from deploy.sandbox.store import Change

KEY = "autoscaling/horizontalpodautoscalers"


class Autoscalers:
    """Reports."""

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Each autoscaler."""
        if change.key == KEY and change.type != "DELETED":
            yield (KEY, change.namespace, change.name)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Say that all is well."""
        stored = state.store.get(*ref)
        if stored is None or stored.obj["status"].get("conditions"):
            return None
        least = stored.obj["spec"]["minReplicas"]
        texts = (
            ("AbleToScale", "ReadyForNewScale", "recommended size matches current size"),
            ("ScalingActive", "ValidMetricFound", "the HPA was able to successfully calculate a replica count"),
        )
        conditions = [
            condition(kind, met=True, reason=reason, message=message, now=state.now())
            for kind, reason, message in texts
        ]
        counts = {"currentReplicas": least, "desiredReplicas": least, "currentMetrics": None}
        set_status(state, ref, {**counts, "conditions": conditions})
        return None
