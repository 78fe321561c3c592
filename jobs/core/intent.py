"""What a claim is for: to look, to sync, or to put back what somebody else changed. A ladder of reasons."""

from enum import StrEnum

from jobs.core.application import DELETION_APPROVED, Application
from jobs.core.deployed import Deployed
from jobs.core.order import Phase
from jobs.core.plan import Plan
from jobs.core.run import Run


class Intent(StrEnum):
    """What may be done after the comparison."""

    LOOK = "look"
    SYNC = "sync"
    HEAL = "heal"


def wants_hooks(application: Application, run: Run, deployed: Deployed) -> bool:
    """Whether a sync now would be a full one, with hooks: what Git says is not what was deployed, or a person asked."""
    if run.heal:
        return False  # one that waited goes on as what it was
    if run.requested or run.resumed or not run.automated:
        return not run.sync_options.get("resources")
    return run.supersedes or not deployed.is_at(run.aim.key)


def intent(application: Application, run: Run, todo: Plan, deployed: Deployed) -> Intent:
    """What to do now that it is known what would change."""
    if run.heal:
        return Intent.HEAL
    if run.requested or run.resumed:
        return Intent.SYNC
    if run.supersedes and not run.automated:
        return Intent.SYNC  # what a person asked for goes on, towards the newer revision
    if not application.policy.automated:
        return Intent.LOOK
    nothing_to_do = not todo.drifted and all(removal.kept for removal in todo.removals)
    if deployed.is_at(run.aim.key) and not run.supersedes:
        # What pruning waited for may be approved later: that deletes, and puts nothing back.
        approved = bool(application.annotations.get(DELETION_APPROVED)) and not todo.drifted
        may_heal = application.policy.self_heal or approved
        return Intent.HEAL if may_heal and not nothing_to_do else Intent.LOOK
    if nothing_to_do and any(change.hook and change.phase is not Phase.SYNC_FAIL for change in todo.changes):
        return Intent.LOOK  # a change of nothing but hooks, or of a comment, is no reason to run them
    exhausted = run.aim.key == deployed.failed_key and application.policy.retry.wait_s(deployed.failures) is None
    # With nothing to do a sync ends at once, and history tells of the revision.
    return Intent.LOOK if exhausted else Intent.SYNC
