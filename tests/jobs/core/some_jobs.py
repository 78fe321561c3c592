"""Changes of Jobs in every state, for the tests of what a sync does next: a Job's health is what its conditions say."""

from dataclasses import replace
from typing import Any

from jobs.core.hooks import HOOK_RUN, LiveHook, hook_run, live_hooks
from jobs.core.order import DeletePolicy, Hook, Phase
from jobs.core.plan import Action, Change
from jobs.core.results import applied
from jobs.core.run import Run
from tests.builders import OWNER, a_change, a_live, a_manifest, a_run

PRE, SYNC, POST = Phase.PRE_SYNC, Phase.SYNC, Phase.POST_SYNC
BEFORE = (DeletePolicy.BEFORE_HOOK_CREATION,)
COMPLETE = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
FAILED = {"status": {"conditions": [{"type": "Failed", "status": "True", "message": "exit 1"}]}}
STATES: dict[str, dict[str, Any]] = {"well": COMPLETE, "failed": FAILED, "going": {}}


def a_job(name: str, /, phase: Phase = SYNC, wave: int = 0, *, hook: bool = False, **fields: Any) -> Change:
    """One that is to be created. policies: of the hook."""
    policies = fields.pop("policies", BEFORE)
    what = Hook((phase,), policies) if hook else None
    return a_change(a_manifest("Job", name), phase=phase, wave=wave, hook=what, **fields)


def begun(**fields: Any) -> Run:
    """A sync that may write."""
    return a_run(**fields).begun(heal=False)


def live(change: Change, state: str) -> Change:
    """In the cluster as this run made it."""
    ran = {"metadata": {"annotations": {HOOK_RUN: hook_run(begun().id, change.phase)}}} if change.hook else {}
    return replace(change, action=Action.UNCHANGED, live=a_live(change.manifest, **STATES[state], **ran))


def ran(*changes: Change) -> Run:
    """A sync that applied these."""
    return begun().with_results(applied(changes, waits=True))


def a_live_hook(state: str, operation: str = "older", phase: Phase = PRE, **over: Any) -> LiveHook:
    """A Job that an operation ran as a hook. over: of its metadata."""
    ran_as = {HOOK_RUN: hook_run(operation, phase), **over.pop("annotations", {})}
    body = a_live(a_manifest("Job", "old", metadata={"annotations": ran_as} | over), **STATES[state])
    (found,) = live_hooks([body], OWNER)
    return found
