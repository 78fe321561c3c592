"""How the objects of a sync are and how their waits end: done, failed, gone. What follows from it: progress.py."""

from dataclasses import replace

from jobs.core.health import Health, HealthStatus, assess, is_ignored, matters
from jobs.core.hooks import hook_run, ran_as
from jobs.core.order import DeletePolicy
from jobs.core.plan import Action, Change, Plan, expires
from jobs.core.results import Result, applied
from jobs.core.run import Run

EXPIRED = "gone by its time to live before its end was seen"
"""Said of a Job whose `ttlSecondsAfterFinished` is so short that nobody can tell how it ended."""
GONE = "was deleted before its end was seen, by somebody else"
REPLACED = "was replaced before its end was seen, by somebody else"


def unsettled(todo: Plan, run: Run) -> tuple[Result, ...]:
    """Results whose wait is over, with how it ended: for hooks and for objects the run changed."""
    found = []
    for change in todo.changes:
        result = result_of(change, run)
        if result is None or result.hook_phase != "Running":
            continue
        health = health_of(change, run)
        if health is None or health.status is HealthStatus.HEALTHY or not matters(change.id, health):
            message = result.message if change.live else f"{result.message}, {EXPIRED}"
            found.append(replace(result, hook_phase="Succeeded", message=message))
        elif health.status is HealthStatus.DEGRADED:
            found.append(replace(result, hook_phase="Failed", message=health.message or result.message))
        elif result.key not in run.results:
            found.append(result)
    return tuple(found)


def result_of(change: Change, run: Run) -> Result | None:
    """What the run did to an object. A hook that it ran and was killed before it could write so is told by its mark."""
    known = run.results.get((change.id, str(change.phase)))
    if known is None and change.hook and change.action is Action.UNCHANGED and change.live is not None:
        return applied([replace(change, action=Action.CREATED)], waits=True)[0]
    return known


def adopted(todo: Plan, run: Run) -> tuple[Result, ...]:
    """Results for a run whose worker was killed: objects that are on their way may be so by its doing.

    Without them the sync would end before they are healthy. Taken from health, since nothing else tells.
    """
    found = []
    for change in todo.changes:
        unknown = change.hook is None and (change.id, str(change.phase)) not in run.results
        health = health_of(change, run) if unknown and change.action is Action.UNCHANGED else None
        if health and health.status is HealthStatus.PROGRESSING:
            found += applied([replace(change, action=Action.CONFIGURED)], waits=True)
    return tuple(found)


def hooks_to_delete(todo: Plan, run: Run) -> tuple[Change, ...]:
    """Hooks that ended, and whose delete policy says that they go then."""
    policies = {"Succeeded": DeletePolicy.HOOK_SUCCEEDED, "Failed": DeletePolicy.HOOK_FAILED}
    found = []
    for change in todo.changes:
        result = run.results.get((change.id, str(change.phase)))
        policy = policies.get(result.hook_phase) if result and _is_ours(change, run) else None
        if policy and change.hook and policy in change.hook.delete_policies:
            found.append(change)
    return tuple(found)


def health_of(change: Change, run: Run) -> Health | None:
    """The health of an object as the sync sees it: a hook that is done counts as it ended, whatever is there now."""
    result = run.results.get((change.id, str(change.phase)))
    if change.hook and result and result.hook_phase == "Succeeded":
        return None
    if change.hook and result and result.hook_phase == "Failed":
        return Health(HealthStatus.DEGRADED, result.message)
    if change.live is None and expires(change.manifest) and (result or change.action is Action.UNCHANGED):
        return None  # a Job that ran and went by its time to live
    if change.hook and not _is_ours(change, run):
        # Nobody can tell any more how it ended; Argo CD takes it for an error, too.
        return Health(HealthStatus.DEGRADED, REPLACED if change.live else GONE)
    if change.live is None:
        return Health(HealthStatus.MISSING, "is gone")
    if change.hook is None and is_ignored(change.manifest):
        # Argo CD's waves wait for it all the same, but for its last one nobody waits. Here somebody would, for ever.
        return None
    return assess(change.live, change.said)


def _is_ours(change: Change, run: Run) -> bool:
    return change.hook is not None and ran_as(change.live) == hook_run(run.id, change.phase)
