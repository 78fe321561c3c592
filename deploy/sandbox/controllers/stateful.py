"""StatefulSets: numbered pods, one after the other, with their claims; a new template replaces them."""

from typing import Any

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

KEY = "apps/statefulsets"
HASH = "controller-revision-hash"


class StatefulSets(Workload):
    """Makes, replaces and removes pods by number."""

    key = KEY

    def step(self, state: State, ref: Ref, stored: Stored) -> float | None:
        """The next step, then the status."""
        _step(state, stored.obj)
        _report(state, ref, stored.obj)
        return None


def _revision(owner: Obj) -> str:
    return f"{owner['metadata']['name']}-{digest(owner['spec']['template'])}"


def _step(state: State, owner: Obj) -> None:
    """Make the first missing pod or replace the last outdated one, each when all others are ready."""
    spec, meta = owner["spec"], owner["metadata"]
    pods = {pod.obj["metadata"]["name"]: pod for pod in controlled(state, meta["uid"], "/pods")}
    names = [f"{meta['name']}-{number}" for number in range(spec["replicas"])]
    for name, pod in pods.items():
        if name not in names:
            delete(state, ref_of("/pods", pod))
    for name in names:
        if name not in pods:
            _make(state, owner, name)
        if spec["podManagementPolicy"] == "OrderedReady" and (name not in pods or not is_ready(pods[name].obj)):
            break
    kept = (spec["updateStrategy"].get("rollingUpdate") or {}).get("partition", 0)
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        _replace(state, owner, [pods[name] for name in names[kept:] if name in pods])


def _make(state: State, owner: Obj, name: str) -> None:
    meta = owner["metadata"]
    volumes = []
    for claim in owner["spec"].get("volumeClaimTemplates") or ():
        claim_name = f"{claim['metadata']['name']}-{name}"
        volumes.append({"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim_name}})
        if state.store.get("/persistentvolumeclaims", meta["namespace"], claim_name) is None:
            named = {**claim["metadata"], "name": claim_name, "namespace": meta["namespace"]}
            create(state, "", "persistentvolumeclaims", {"metadata": named, "spec": claim["spec"]})
    labels = {"statefulset.kubernetes.io/pod-name": name, HASH: _revision(owner)}
    pod = pod_of(owner, owner["spec"]["template"], name, **labels)
    pod["spec"] = {**pod["spec"], "hostname": name, "volumes": [*(pod["spec"].get("volumes") or ()), *volumes]}
    create(state, "", "pods", pod)


def _replace(state: State, owner: Obj, pods: list[Any]) -> None:
    for pod in reversed(pods):
        if pod.obj["metadata"]["labels"].get(HASH) != _revision(owner):
            delete(state, ref_of("/pods", pod))
            return
        if not is_ready(pod.obj):
            return


def _report(state: State, ref: Ref, owner: Obj) -> None:
    pods = [pod.obj for pod in controlled(state, owner["metadata"]["uid"], "/pods") if is_active(pod.obj)]
    ready = sum(map(is_ready, pods))
    updated = sum(pod["metadata"]["labels"].get(HASH) == _revision(owner) for pod in pods)
    before = owner["status"].get("currentRevision", _revision(owner))
    done = updated == len(pods) == ready == owner["spec"]["replicas"]
    status = {
        "observedGeneration": owner["metadata"]["generation"],
        "replicas": len(pods),
        "availableReplicas": ready,
        **counted(readyReplicas=ready, updatedReplicas=updated),
        **counted(currentReplicas=updated if done or before == _revision(owner) else len(pods) - updated),
        "currentRevision": _revision(owner) if done else before,
        "updateRevision": _revision(owner),
        "collisionCount": 0,
    }
    set_status(state, ref, status)
