"""What a kubelet would do next with a Pod, decided from the Pod alone: no I/O, no clock.

Pods get on the node, run and are ready; those of Jobs end well after a moment. A Pod (so: a Pod template) changes that:
annotation `test.pilothouse.dev/exit-code: "1"` (its containers end with that code: a Job's Pod fails, any other crash
loops), `test.pilothouse.dev/never-ready: "true"` (stays Pending), an image with the tag `broken` (ImagePullBackOff).
Shapes: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus
"""

from dataclasses import dataclass, field
from typing import Any

EXIT_CODE = "test.pilothouse.dev/exit-code"
NEVER_READY = "test.pilothouse.dev/never-ready"
BROKEN_TAG = "broken"
JOB_DURATION_S = 0.2

Pod = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bind:
    """Put it on the node."""


@dataclass(frozen=True, slots=True)
class Remove:
    """It has been asked to go, and its containers have ended: delete it for good."""


@dataclass(frozen=True, slots=True)
class Report:
    """Patch its status."""

    status: dict[str, Any]
    after_s: float = field(default=0.0)


def next_step(pod: Pod, now: str) -> Bind | Remove | Report | None:
    """What is to be done now, or None. `now`: RFC 3339, as it shall stand in the status."""
    spec, status = pod["spec"], pod.get("status", {})
    if pod["metadata"].get("deletionTimestamp"):
        return Remove()
    if status.get("phase") in ("Succeeded", "Failed") or spec.get("schedulingGates"):
        return None
    if not spec.get("nodeName"):
        return Bind()
    if reason := _waits_for(pod):
        return None if _waiting_reason(status) == reason else Report(_waiting(pod, reason, now))
    if not _ready(status):
        return Report(_running(pod, now))
    # Succeeding Pods are shown running first: that is what watchers of a real Job see.
    return Report(_ended(pod, now), after_s=JOB_DURATION_S) if _runs_to_an_end(pod) else None


def _annotation(pod: Pod, name: str) -> str:
    return str(pod["metadata"].get("annotations", {}).get(name, ""))


def _runs_to_an_end(pod: Pod) -> bool:
    return bool(pod["spec"].get("restartPolicy", "Always") != "Always")


def _exit_code(pod: Pod) -> int:
    text = _annotation(pod, EXIT_CODE)
    return int(text) if text.isdigit() else 0


def _waits_for(pod: Pod) -> str:
    """Why its containers do not run; empty when they do."""
    if _annotation(pod, NEVER_READY) == "true":
        return "ContainerCreating"
    if any(_is_broken(container["image"]) for container in pod["spec"]["containers"]):
        return "ImagePullBackOff"
    if _exit_code(pod) and not _runs_to_an_end(pod):
        return "CrashLoopBackOff"
    return ""


def _is_broken(image: str) -> bool:
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return bool(colon) and tag.partition("@")[0] == BROKEN_TAG


def _waiting_reason(status: dict[str, Any]) -> str:
    states = [container.get("state", {}) for container in status.get("containerStatuses", [])]
    return str(states[0].get("waiting", {}).get("reason", "")) if states else ""


def _ready(status: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))


def _waiting(pod: Pod, reason: str, now: str) -> dict[str, Any]:
    waiting = {"waiting": {"reason": reason, "message": f"{reason}: as the test asked for"}}
    crashed = reason == "CrashLoopBackOff"
    status = {
        # A container that has run once makes the Pod Running, even while it waits for its next try.
        "phase": "Running" if crashed else "Pending",
        "conditions": _conditions(now, ready=False, reason="ContainersNotReady"),
        "containerStatuses": [_container(c, waiting, ready=False) for c in pod["spec"]["containers"]],
        **_places(pod, now),
    }
    if crashed:
        for container in status["containerStatuses"]:
            container |= {"restartCount": 1, "lastState": _terminated(_exit_code(pod), now)}
    return status


def _running(pod: Pod, now: str) -> dict[str, Any]:
    running = {"running": {"startedAt": now}}
    return {
        "phase": "Running",
        "conditions": _conditions(now, ready=True),
        "initContainerStatuses": [_init_container(c, now) for c in pod["spec"].get("initContainers", [])],
        "containerStatuses": [_container(c, running, ready=True) for c in pod["spec"]["containers"]],
        **_places(pod, now),
    }


def _ended(pod: Pod, now: str) -> dict[str, Any]:
    code = _exit_code(pod)
    state = _terminated(code, now)
    return {
        "phase": "Failed" if code else "Succeeded",
        "conditions": _conditions(now, ready=False, reason="PodFailed" if code else "PodCompleted"),
        "containerStatuses": [_container(c, state, ready=False) for c in pod["spec"]["containers"]],
    }


def _terminated(code: int, now: str) -> dict[str, Any]:
    reason = "Error" if code else "Completed"
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now}}


def _init_container(container: dict[str, Any], now: str) -> dict[str, Any]:
    # With restartPolicy Always it is a sidecar: it stays.
    sidecar = container.get("restartPolicy") == "Always"
    state = {"running": {"startedAt": now}} if sidecar else _terminated(0, now)
    return _container(container, state, ready=True)


def _container(container: dict[str, Any], state: dict[str, Any], *, ready: bool) -> dict[str, Any]:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "" if "waiting" in state else f"{container['image']}@sha256:{'0' * 64}",
        "ready": ready,
        "started": "running" in state,
        "restartCount": 0,
        "state": state,
    }


def _conditions(now: str, *, ready: bool, reason: str = "") -> list[dict[str, Any]]:
    status = "True" if ready else "False"
    up = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("Initialized", "PodScheduled")]
    why = {"reason": reason} if reason else {"reason": None}
    return [
        *up,
        *({"type": kind, "status": status, "lastTransitionTime": now, **why} for kind in ("ContainersReady", "Ready")),
    ]


def _places(pod: Pod, now: str) -> dict[str, Any]:
    number = int(pod["metadata"]["uid"][:8], 16)
    address = f"10.{128 + (number >> 16) % 64}.{(number >> 8) % 256}.{1 + number % 254}"
    return {
        "hostIP": "10.64.0.1",
        "hostIPs": [{"ip": "10.64.0.1"}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": pod.get("status", {}).get("startTime") or now,
    }
