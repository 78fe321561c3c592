"""Jobs: pods until enough have succeeded or too many failed, and removal after `ttlSecondsAfterFinished`."""

import asyncio

from deploy.sandbox.controllers.controller import (
    Obj,
    Ref,
    condition,
    controlled,
    counted,
    create,
    delete,
    is_active,
    is_ready,
    set_status,
)
from deploy.sandbox.controllers.replicas import pod_of
from deploy.sandbox.controllers.workload import Workload
from deploy.sandbox.state import State
from deploy.sandbox.store import Stored

KEY = "batch/jobs"


class Jobs(Workload):
    """Runs pods to their end."""

    key = KEY

    def __init__(self) -> None:
        self._ended_at: dict[str, float] = {}

    def step(self, state: State, ref: Ref, stored: Stored) -> float | None:
        """Start pods, count their ends; look again when the time to live is over."""
        if is_over(stored.obj):
            return self._forget(state, ref, stored)
        if not stored.obj["spec"].get("suspend"):
            _run(state, ref, stored)
        return None

    def _forget(self, state: State, ref: Ref, stored: Stored) -> float | None:
        life_s = stored.obj["spec"].get("ttlSecondsAfterFinished")
        if life_s is None:
            return None
        now = asyncio.get_running_loop().time()
        left_s: float = self._ended_at.setdefault(stored.uid, now) + life_s - now
        if left_s > 0:
            return left_s
        delete(state, ref)
        return None


def is_over(job: Obj) -> bool:
    """Whether the Job is complete or has failed."""
    conditions = job.get("status", {}).get("conditions") or ()
    return any(item["type"] in ("Complete", "Failed") and item["status"] == "True" for item in conditions)


def _run(state: State, ref: Ref, stored: Stored) -> None:
    job, spec = stored.obj, stored.obj["spec"]
    pods = [pod.obj for pod in controlled(state, stored.uid, "/pods")]
    phases = [pod["status"].get("phase") for pod in pods]
    succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
    active = sum(is_active(pod) for pod in pods)
    wanted = spec.get("completions") or spec["parallelism"]
    over = _end(succeeded >= wanted, failed > spec["backoffLimit"], state.now())
    if not over:
        for _ in range(min(spec["parallelism"], wanted - succeeded) - active):
            create(state, "", "pods", pod_of(job, spec["template"]))
            active += 1
    now = state.now()
    set_status(
        state,
        ref,
        {
            "startTime": job["status"].get("startTime", now),
            **counted(active=0 if over else active, succeeded=succeeded, failed=failed),
            "ready": sum(is_ready(pod) for pod in pods),
            "terminating": 0,
            "uncountedTerminatedPods": {},
            **({"conditions": over} if over else {}),
            **({"completionTime": now} if over and succeeded >= wanted else {}),
        },
    )


def _end(complete: bool, failed: bool, now: str) -> list[Obj]:
    """The conditions of an end; none while it runs."""
    if complete:
        found = (("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached"))
        message = "Reached expected number of succeeded pods"
    elif failed:
        found = (("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded"))
        message = "Job has reached the specified backoff limit"
    else:
        return []
    made = [condition(kind, met=True, reason=reason, message=message, now=now) for kind, reason in found]
    return [{**item, "lastProbeTime": now} for item in made]
