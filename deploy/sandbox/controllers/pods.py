"""Plays scheduler and kubelet: a pod is ready some time after it was made, or ends, or never starts.

An image with the tag `broken` can't be pulled. A pod that doesn't restart ends with the exit code that its annotation
`test.pilothouse.dev/exit-code` says, else with 0.
"""

import asyncio
from collections.abc import Iterator

from deploy.sandbox.controllers.controller import Obj, Ref, change_spec, condition, delete, set_status
from deploy.sandbox.state import State
from deploy.sandbox.store import Change

KEY = "/pods"
NODE = "sandbox"
EXIT_CODE = "test.pilothouse.dev/exit-code"


class Pods:
    """From Pending to Running or an end; gone soon after a delete."""

    def __init__(self) -> None:
        self._ready_at: dict[str, float] = {}
        self._last_address = 0

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Each pod."""
        if change.key != KEY:
            return
        if change.type == "DELETED":
            self._ready_at.pop(change.new.uid, None)
        else:
            yield (KEY, change.namespace, change.name)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """Schedule, start, end or remove the pod."""
        stored = state.store.get(*ref)
        if stored is None:
            return None
        pod = stored.obj
        if pod["metadata"].get("deletionTimestamp"):
            delete(state, ref)
            return None
        if pod["status"].get("phase") != "Pending":
            return None
        now = asyncio.get_running_loop().time()
        ready_at = self._ready_at.setdefault(stored.uid, now + state.config.rollout_s)
        if not pod["spec"].get("nodeName"):
            change_spec(state, ref, nodeName=NODE)
            set_status(state, ref, _waiting(pod, state.now()))
        elif now >= ready_at and not _is_broken(pod):
            set_status(state, ref, self._started(pod, state.now()))
            return None
        return None if _is_broken(pod) else max(0.0, ready_at - now)

    def _started(self, pod: Obj, now: str) -> Obj:
        ends = pod["spec"]["restartPolicy"] != "Always"
        code = int((pod["metadata"].get("annotations") or {}).get(EXIT_CODE, "0")) if ends else 0
        reason = "PodCompleted" if ends else ""
        phase = ("Failed" if code else "Succeeded") if ends else "Running"
        self._last_address += 1
        address = f"10.244.{self._last_address >> 8 & 255}.{self._last_address & 255}"
        if ends:
            end = {"exitCode": code, "reason": "Error" if code else "Completed", "startedAt": now, "finishedAt": now}
            current: Obj = {"terminated": end}
        else:
            current = {"running": {"startedAt": now}}
        return {
            **pod["status"],
            "phase": phase,
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [
                _condition(kind, met=kind in ("PodScheduled", "Initialized") or not ends, reason=reason, now=now)
                for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            "containerStatuses": [_container(item, current, ready=not ends) for item in pod["spec"]["containers"]],
        }


def _waiting(pod: Obj, now: str) -> Obj:
    reason = "ImagePullBackOff" if _is_broken(pod) else "ContainerCreating"
    state: Obj = {"waiting": {"reason": reason}}
    if reason == "ImagePullBackOff":
        image = next(item["image"] for item in pod["spec"]["containers"] if item["image"].endswith(":broken"))
        state["waiting"]["message"] = f'Back-off pulling image "{image}"'
    return {
        **pod["status"],
        "phase": "Pending",
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "startTime": now,
        "conditions": [
            _condition(kind, met=kind in ("PodScheduled", "Initialized"), reason="ContainersNotReady", now=now)
            for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "containerStatuses": [_container(item, state, ready=False) for item in pod["spec"]["containers"]],
    }


def _condition(kind: str, *, met: bool, reason: str, now: str) -> Obj:
    made = condition(kind, met=met, reason=reason, message="", now=now)
    return {key: value for key, value in made.items() if value and not (met and key == "reason")}


def _container(container: Obj, current: Obj, *, ready: bool) -> Obj:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": current,
    }


def _is_broken(pod: Obj) -> bool:
    return any(item["image"].endswith(":broken") for item in pod["spec"]["containers"])
