"""Deployments: a ReplicaSet per template, the old ones scaled down once the new one is available, and the deadline."""

import asyncio

from deploy.sandbox.controllers.controller import (
    Obj,
    Ref,
    change_spec,
    condition,
    controlled,
    counted,
    create,
    delete,
    digest,
    owner_reference,
    ref_of,
    set_status,
)
from deploy.sandbox.controllers.replicas import KEY as REPLICA_SETS
from deploy.sandbox.controllers.workload import Workload
from deploy.sandbox.state import State
from deploy.sandbox.store import Stored

KEY = "apps/deployments"
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


class Deployments(Workload):
    """Rolls out."""

    key = KEY

    def __init__(self) -> None:
        self._started_at: dict[tuple[str, int], float] = {}

    def step(self, state: State, ref: Ref, stored: Stored) -> float | None:
        """One step of the rollout, then the status; looks again at the deadline."""
        if not stored.obj["spec"].get("paused"):
            _roll(state, stored)
        stored = state.store.get(*ref) or stored
        late_in_s = self._left_s(state, stored)
        _report(state, ref, stored, late=late_in_s <= 0)
        return late_in_s if late_in_s > 0 and not _is_complete(state, stored) else None

    def _left_s(self, state: State, stored: Stored) -> float:
        """Seconds until the rollout of this generation is late."""
        now = asyncio.get_running_loop().time()
        started = self._started_at.setdefault((stored.uid, stored.obj["metadata"]["generation"]), now)
        limit: float = min(stored.obj["spec"].get("progressDeadlineSeconds", 600), state.config.progress_deadline_s)
        return started + limit - now


def _roll(state: State, stored: Stored) -> None:
    """Make the ReplicaSet of the present template and scale the others down when their time has come."""
    owner, spec = stored.obj, stored.obj["spec"]
    sets = list(controlled(state, stored.uid, REPLICA_SETS))
    name = f"{owner['metadata']['name']}-{digest(spec['template'])}"
    current = next((item for item in sets if item.obj["metadata"]["name"] == name), None)
    old = [item for item in sets if item is not current]
    if spec["strategy"]["type"] == "Recreate":
        _scale(state, old, 0)
        if any(item.obj["status"].get("replicas") for item in old):
            return
    if current is None:
        create(state, "apps", "replicasets", _replica_set(owner, name, 1 + max(map(_revision, old), default=0)))
        return
    _scale(state, [current], spec["replicas"])
    if old and _revision(current) <= max(map(_revision, old)):
        _renumber(state, current, 1 + max(map(_revision, old)))
    if current.obj["status"].get("availableReplicas", 0) >= spec["replicas"]:
        _scale(state, old, 0)
        kept = sorted(old, key=_revision, reverse=True)[spec.get("revisionHistoryLimit", 10) :]
        for item in kept:
            delete(state, ref_of(REPLICA_SETS, item))


def _scale(state: State, sets: list[Stored], replicas: int) -> None:
    for item in sets:
        if item.obj["spec"]["replicas"] != replicas:
            change_spec(state, ref_of(REPLICA_SETS, item), replicas=replicas)


def _renumber(state: State, item: Stored, revision: int) -> None:
    """A template that is back is the newest revision again."""
    ref = ref_of(REPLICA_SETS, item)
    set_status(state, ref, item.obj["status"], {REVISION: str(revision)})


def _revision(item: Stored) -> int:
    return int((item.obj["metadata"].get("annotations") or {}).get(REVISION, "0"))


def _replica_set(owner: Obj, name: str, revision: int) -> Obj:
    spec, meta = owner["spec"], owner["metadata"]
    template = spec["template"]
    mark = {HASH: name.rsplit("-", 1)[-1]}
    labels = {**(template["metadata"].get("labels") or {}), **mark}
    selector = spec["selector"]
    return {
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": {**_inherited(meta), **_sizes(spec["replicas"]), REVISION: str(revision)},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": {
            "replicas": spec["replicas"],
            "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **mark}},
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }


def _sizes(replicas: int) -> dict[str, str]:
    """What a ReplicaSet notes of its Deployment's size: as asked for, and with a quarter more while rolling."""
    prefix = "deployment.kubernetes.io"
    return {f"{prefix}/desired-replicas": str(replicas), f"{prefix}/max-replicas": str(replicas + -(-replicas // 4))}


def _inherited(meta: Obj) -> dict[str, str]:
    """A Deployment's annotations are copied to its ReplicaSets, as the real controller does."""
    skipped = ("kubectl.kubernetes.io/last-applied-configuration", REVISION)
    return {key: value for key, value in (meta.get("annotations") or {}).items() if key not in skipped}


def _current(state: State, stored: Stored) -> tuple[Obj, list[Obj]]:
    """The status of the present template's ReplicaSet, and that of all."""
    name = f"{stored.obj['metadata']['name']}-{digest(stored.obj['spec']['template'])}"
    sets = [item.obj for item in controlled(state, stored.uid, REPLICA_SETS)]
    return next((item["status"] for item in sets if item["metadata"]["name"] == name), {}), [s["status"] for s in sets]


def _is_complete(state: State, stored: Stored) -> bool:
    current, every = _current(state, stored)
    wanted = stored.obj["spec"]["replicas"]
    total = sum(item.get("replicas", 0) for item in every)
    return bool(current) and current.get("availableReplicas", 0) >= wanted and total == wanted


def _report(state: State, ref: Ref, stored: Stored, *, late: bool) -> None:
    current, every = _current(state, stored)
    asked = sum(item.obj["spec"]["replicas"] for item in controlled(state, stored.uid, REPLICA_SETS))
    meta, wanted = stored.obj["metadata"], stored.obj["spec"]["replicas"]
    available = sum(item.get("availableReplicas", 0) for item in every)
    counter = stored.obj["status"].get("collisionCount")
    status = {
        **({} if counter is None else {"collisionCount": counter}),
        "observedGeneration": meta["generation"],
        **counted(
            replicas=sum(item.get("replicas", 0) for item in every),
            updatedReplicas=current.get("replicas", 0),
            readyReplicas=sum(item.get("readyReplicas", 0) for item in every),
            availableReplicas=available,
            unavailableReplicas=max(0, asked - available),
        ),
        "terminatingReplicas": 0,
        "conditions": _conditions(state, stored, available >= wanted, late),
    }
    sets = [_revision(item) for item in controlled(state, stored.uid, REPLICA_SETS)]
    set_status(state, ref, status, {REVISION: str(max(sets))} if sets else None)


def _conditions(state: State, stored: Stored, enough: bool, late: bool) -> list[Obj]:
    before, now = stored.obj.get("status"), state.now()
    complete = _is_complete(state, stored)
    name = f"{stored.obj['metadata']['name']}-{digest(stored.obj['spec']['template'])}"
    progress = ("NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
    if not complete:
        progress = ("ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
        if late:
            progress = ("ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.')
    if stored.obj["spec"].get("paused"):
        progress = ("DeploymentPaused", "Deployment is paused")
    availability = (
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
        if enough
        else ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    found = list((before or {}).get("conditions") or ())
    for kind, met, (reason, message) in (
        ("Available", enough, availability),
        ("Progressing", complete or not late, progress),
    ):
        made = condition(kind, met=met, reason=reason, message=message, now=now, before=before)
        if reason == "DeploymentPaused":
            made["status"] = "Unknown"
        found = _with_condition(found, made, now)
    return found


def _with_condition(conditions: list[Obj], made: Obj, now: str) -> list[Obj]:
    """The conditions with one more; a changed one goes to the end, one that says the same stays as it was."""
    for old in conditions:
        if old["type"] == made["type"] and old["status"] == made["status"] and old["reason"] == made["reason"]:
            return conditions
    return [*(old for old in conditions if old["type"] != made["type"]), {**made, "lastUpdateTime": now}]
