"""ReplicaSets: as many pods as asked for, and their count in the status."""

from deploy.sandbox.controllers.controller import (
    Obj,
    Ref,
    controlled,
    counted,
    create,
    delete,
    is_active,
    is_ready,
    owner_reference,
    ref_of,
    set_status,
)
from deploy.sandbox.controllers.workload import Workload
from deploy.sandbox.state import State
from deploy.sandbox.store import Stored

KEY = "apps/replicasets"


class ReplicaSets(Workload):
    """Makes and removes pods."""

    key = KEY

    def step(self, state: State, ref: Ref, stored: Stored) -> float | None:
        """Make or remove pods until there are enough; then count them."""
        owner = stored.obj
        pods = [pod for pod in controlled(state, stored.uid, "/pods") if is_active(pod.obj)]
        wanted = owner["spec"]["replicas"]
        for _ in range(wanted - len(pods)):
            create(state, "", "pods", pod_of(owner, owner["spec"]["template"]))
        for pod in sorted(pods, key=lambda pod: is_ready(pod.obj))[: max(0, len(pods) - wanted)]:
            delete(state, ref_of("/pods", pod))
        _count(state, ref, owner)
        return None


def _count(state: State, ref: Ref, owner: Obj) -> None:
    pods = [pod.obj for pod in controlled(state, owner["metadata"]["uid"], "/pods") if is_active(pod.obj)]
    ready = sum(is_ready(pod) for pod in pods)
    counts = counted(fullyLabeledReplicas=len(pods), readyReplicas=ready, availableReplicas=ready)
    generation = owner["metadata"]["generation"]
    set_status(
        state, ref, {"replicas": len(pods), "terminatingReplicas": 0, **counts, "observedGeneration": generation}
    )


def pod_of(owner: Obj, template: Obj, name: str = "", **labels: str) -> Obj:
    """A new pod of a workload's template."""
    meta = template.get("metadata") or {}
    own = owner["metadata"]
    named = {"name": name} if name else {"generateName": f"{own['name']}-"}
    return {
        "metadata": {
            **named,
            "namespace": own["namespace"],
            "labels": {**(meta.get("labels") or {}), **labels},
            "annotations": dict(meta.get("annotations") or {}),
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": template["spec"],
    }
