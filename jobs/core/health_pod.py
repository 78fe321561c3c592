"""The health of a Pod: by its phase and, for pods that should run for ever, by its containers."""

from collections.abc import Mapping

from jobs.core.fields import Fields
from jobs.core.health_status import Health, degraded, healthy, progressing, unknown
from jobs.core.objects import manifest_of
from jobs.core.order import hook_of

IGNORE_RESTART_POLICY = "argocd.argoproj.io/ignore-restart-policy"
"""Annotation: judge the Pod as if its restartPolicy were Always."""


def pod(body: Fields) -> Health:
    """A pod that restarts for ever is healthy when ready; any other one when it succeeded."""
    restarts, status = runs_for_ever(body), body.inner("status")
    stuck = [waiting for waiting in map(_waiting, status.each("containerStatuses")) if restarts and _is_stuck(waiting)]
    if stuck:
        return degraded(", ".join(waiting.text("message") or waiting.text("reason") for waiting in stuck))
    phase, message = status.text("phase"), status.text("message")
    if phase == "Running":
        return _running(status) if restarts else progressing("the Pod is running")
    by_phase: Mapping[str, Health] = {
        "Pending": progressing(message or "the Pod has not started yet"),
        "Succeeded": healthy(message),
    }
    if phase == "Failed":
        return degraded(message or _failure(status))
    return by_phase.get(phase, unknown(f"a Pod has no phase {phase!r}"))


def runs_for_ever(body: Fields) -> bool:
    """Whether the Pod is judged by its readiness. Never true for a hook by annotation: a hook must end."""
    if body.inner("spec").text("restartPolicy", "Always") == "Always":
        return True
    manifest = manifest_of(body.values)
    return manifest.annotations.get(IGNORE_RESTART_POLICY) == "true" and hook_of(manifest) is None


def _waiting(container: Fields) -> Fields:
    return container.inner("state").inner("waiting")


def _is_stuck(waiting: Fields) -> bool:
    reason = waiting.text("reason")
    return reason.startswith("Err") or reason.endswith(("Error", "BackOff"))


def _running(status: Fields) -> Health:
    if any(item.text("type") == "Ready" and item.text("status") == "True" for item in status.each("conditions")):
        return healthy(status.text("message"))
    for container in status.each("containerStatuses"):
        if container.inner("lastState").has("terminated"):
            ended = container.inner("lastState").inner("terminated")
            return degraded(_words(container, ended) or f"container {container.text('name')} was restarted")
    return progressing("the Pod is not ready yet")


def _failure(status: Fields) -> str:
    """What the first container that says anything says of its end."""
    for container in (*status.each("initContainerStatuses"), *status.each("containerStatuses")):
        words = _words(container, container.inner("state").inner("terminated"))
        if words:
            return words
    return "the Pod failed"


def _words(container: Fields, ended: Fields) -> str:
    if ended.has("message") or ended.text("reason") == "OOMKilled":
        return ended.text("message") or "OOMKilled"
    code = ended.number("exitCode", 0)
    return f"container {container.text('name')} ended with exit code {code}" if code else ""
