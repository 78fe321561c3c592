"""DaemonSets: one pod on the one node."""

from deploy.sandbox.controllers.controller import (
    Obj,
    Ref,
    controlled,
    counted,
    create,
    delete,
    digest,
    is_active,
    is_ready,
    ref_of,
    set_status,
)
from deploy.sandbox.controllers.replicas import pod_of
from deploy.sandbox.controllers.workload import Workload
from deploy.sandbox.state import State
from deploy.sandbox.store import Stored

KEY = "apps/daemonsets"
HASH = "controller-revision-hash"


class DaemonSets(Workload):
    """Keeps one pod of the present template."""

    key = KEY

    def step(self, state: State, ref: Ref, stored: Stored) -> float | None:
        """Make the pod, or replace one of an old template; then the status."""
        owner, revision = stored.obj, digest(stored.obj["spec"]["template"])
        pods = [pod for pod in controlled(state, stored.uid, "/pods") if is_active(pod.obj)]
        if not pods:
            create(state, "", "pods", pod_of(owner, owner["spec"]["template"], **{HASH: revision}))
        elif owner["spec"]["updateStrategy"]["type"] == "RollingUpdate":
            for pod in pods:
                if pod.obj["metadata"]["labels"].get(HASH) != revision:
                    delete(state, ref_of("/pods", pod))
        _report(state, ref, owner, revision)
        return None


def _report(state: State, ref: Ref, owner: Obj, revision: str) -> None:
    pods = [pod.obj for pod in controlled(state, owner["metadata"]["uid"], "/pods") if is_active(pod.obj)]
    ready = sum(map(is_ready, pods))
    updated = sum(pod["metadata"]["labels"].get(HASH) == revision for pod in pods)
    status = {
        "observedGeneration": owner["metadata"]["generation"],
        "currentNumberScheduled": len(pods),
        "desiredNumberScheduled": 1,
        "numberMisscheduled": 0,
        "numberReady": ready,
        **counted(numberAvailable=ready, numberUnavailable=1 - ready, updatedNumberScheduled=updated),
    }
    set_status(state, ref, status)
