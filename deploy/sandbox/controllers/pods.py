"""Plays scheduler and kubelet: a pod is ready some time after it was made; one that doesn't restart then ends.

A pod changes that: an image with the tag `broken` can't be pulled; annotation `test.pilothouse.dev/exit-code: "1"` is
the code its containers end with (one that restarts crashes again and again); `test.pilothouse.dev/never-ready: "true"`.
"""

import asyncio
from collections.abc import Iterator

from deploy.sandbox.controllers.controller import KUBELET, Obj, Ref, condition, delete, set_status
from deploy.sandbox.state import State
from deploy.sandbox.store import Change

KEY = "/pods"
NODE = "sandbox"
EXIT_CODE = "test.pilothouse.dev/exit-code"
NEVER_READY = "test.pilothouse.dev/never-ready"


class Pods:
    """From Pending to Running or an end; gone soon after a delete."""

    def __init__(self) -> None:
        self._made_at: dict[str, float] = {}
        self._last_address = 0

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Each pod."""
        if change.key != KEY:
            return
        if change.type == "DELETED":
            self._made_at.pop(change.new.uid, None)
        else:
            yield (KEY, change.namespace, change.name)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Schedule, start, end or remove the pod."""
        stored = state.store.get(*ref)
        if stored is None:
            return None
        pod, phase = stored.obj, stored.obj["status"].get("phase")
        if pod["metadata"].get("deletionTimestamp"):
            delete(state, ref)
            return None
        if not pod["spec"].get("nodeName"):
            _bind(state, pod)
            return 0.0
        if phase == "Pending" and (reason := _waits_for(pod)):
            _report(state, ref, _waiting(pod, reason, state.now()))
            return None
        if phase == "Pending":
            return self._after(state, stored.uid, 1) or self._start(state, ref, pod)
        if phase == "Running" and pod["spec"]["restartPolicy"] != "Always":
            return self._after(state, stored.uid, 2) or _end(state, ref, pod)
        return None

    def _after(self, state: State, uid: str, steps: int) -> float:
        """Seconds until so many steps of a pod's life are over."""
        now = asyncio.get_running_loop().time()
        return max(0.0, self._made_at.setdefault(uid, now) + steps * state.config.rollout_s - now)

    def _start(self, state: State, ref: Ref, pod: Obj) -> float | None:
        self._last_address += 1
        address = f"10.244.{self._last_address >> 8 & 255}.{self._last_address & 255}"
        _report(state, ref, _running(pod, address, state.now()))
        return 0.0


def _bind(state: State, pod: Obj) -> None:
    """Put it on the node; a binding belongs to nobody and doesn't count as a change of the wish."""
    state.store.put(KEY, {**pod, "metadata": {**pod["metadata"]}, "spec": {**pod["spec"], "nodeName": NODE}})


def _end(state: State, ref: Ref, pod: Obj) -> float | None:
    _report(state, ref, _ended(pod, state.now()))
    return None


def _report(state: State, ref: Ref, status: Obj) -> None:
    set_status(state, ref, status, writer=KUBELET)


def _waits_for(pod: Obj) -> str:
    """Why its containers don't run; empty when they do."""
    if _annotation(pod, NEVER_READY) == "true":
        return "ContainerCreating"
    if any(item["image"].endswith(":broken") for item in pod["spec"]["containers"]):
        return "ImagePullBackOff"
    return "CrashLoopBackOff" if _exit_code(pod) and pod["spec"]["restartPolicy"] == "Always" else ""


def _annotation(pod: Obj, name: str) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(name, ""))


def _exit_code(pod: Obj) -> int:
    text = _annotation(pod, EXIT_CODE)
    return int(text) if text.isdigit() else 0


def _waiting(pod: Obj, reason: str, now: str) -> Obj:
    current = {"waiting": {"reason": reason, "message": f"{reason}: {pod['spec']['containers'][0]['image']}"}}
    status = _status(pod, current, ready=False, reason="ContainersNotReady", now=now)
    if reason != "CrashLoopBackOff":
        return {**status, "phase": "Pending"}
    for container in status["containerStatuses"]:  # it has run once, so its pod counts as running
        container |= {"restartCount": 1, "lastState": _terminated(_exit_code(pod), now)}
    return {**status, "phase": "Running"}


def _running(pod: Obj, address: str, now: str) -> Obj:
    status = _status(pod, {"running": {"startedAt": now}}, ready=True, reason="", now=now)
    return {**status, "phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}


def _ended(pod: Obj, now: str) -> Obj:
    code = _exit_code(pod)
    reason = "PodFailed" if code else "PodCompleted"
    status = _status(pod, _terminated(code, now), ready=False, reason=reason, now=now)
    return {**status, "phase": "Failed" if code else "Succeeded"}


def _terminated(code: int, now: str) -> Obj:
    reason = "Error" if code else "Completed"
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now}}


def _status(pod: Obj, current: Obj, *, ready: bool, reason: str, now: str) -> Obj:
    """A pod's status, all containers in one state."""
    return {
        **pod["status"],
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "startTime": pod["status"].get("startTime", now),
        "conditions": [
            *(_condition(kind, met=True, reason="", now=now) for kind in ("Initialized", "PodScheduled")),
            *(_condition(kind, met=ready, reason=reason, now=now) for kind in ("ContainersReady", "Ready")),
        ],
        "containerStatuses": [_container(item, current, ready=ready) for item in pod["spec"]["containers"]],
    }


def _condition(kind: str, *, met: bool, reason: str, now: str) -> Obj:
    made = condition(kind, met=met, reason=reason, message="", now=now)
    return {key: value for key, value in made.items() if value}


def _container(container: Obj, current: Obj, *, ready: bool) -> Obj:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "" if "waiting" in current else f"{container['image']}@sha256:{'0' * 64}",
        "ready": ready,
        "started": "running" in current,
        "restartCount": 0,
        "state": current,
    }
