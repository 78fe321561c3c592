"""What a claim is for."""

from typing import Any

import pytest

from jobs.core.deployed import Deployed
from jobs.core.intent import Intent, intent, wants_hooks
from jobs.core.order import DeletePolicy, Hook, Phase
from jobs.core.plan import Action, Plan
from jobs.core.run import Run
from tests.builders import a_change, a_manifest, a_plan, a_removal, a_run, an_application

KEY = "k" * 32
AUTOMATED: dict[str, Any] = {}
NO_HEAL = {"spec": {"syncPolicy": {"automated": {"selfHeal": False}}}}
BY_HAND = {"spec": {"syncPolicy": None}}
APPROVED = {"metadata": {"annotations": {"argocd.argoproj.io/deletion-approved": "yes"}}}
DRIFT, CLEAN = a_plan(a_change()), a_plan()
KEPT, DUE = a_plan(removals=[a_removal(kept="no")]), a_plan(removals=[a_removal()])
HOOK = a_change(a_manifest("Job"), phase=Phase.PRE_SYNC, hook=Hook((Phase.PRE_SYNC,), (DeletePolicy.HOOK_FAILED,)))
SAME, OTHER, NEVER = Deployed(KEY), Deployed("o" * 32), Deployed()


@pytest.mark.parametrize(
    ("over", "run", "todo", "deployed", "wish"),
    [
        (BY_HAND, {}, DRIFT, OTHER, Intent.LOOK),
        (BY_HAND, {"requested": True}, CLEAN, SAME, Intent.SYNC),
        (BY_HAND, {"resumed": True}, CLEAN, SAME, Intent.SYNC),
        (AUTOMATED, {"resumed": True, "heal": True}, CLEAN, SAME, Intent.HEAL),  # it had to wait, and ends now
        (AUTOMATED, {}, DRIFT, OTHER, Intent.SYNC),
        (AUTOMATED, {}, DRIFT, NEVER, Intent.SYNC),
        (AUTOMATED, {}, CLEAN, OTHER, Intent.SYNC),  # so that history tells of the revision
        (AUTOMATED, {}, DRIFT, SAME, Intent.HEAL),
        (AUTOMATED, {}, DUE, SAME, Intent.HEAL),
        (AUTOMATED, {}, CLEAN, SAME, Intent.LOOK),
        (AUTOMATED, {}, KEPT, SAME, Intent.LOOK),
        (NO_HEAL, {}, DRIFT, SAME, Intent.LOOK),
        (NO_HEAL, {}, DUE, SAME, Intent.LOOK),
        (NO_HEAL | APPROVED, {}, DUE, SAME, Intent.HEAL),  # what waited for the approval
        (NO_HEAL | APPROVED, {}, a_plan(a_change(), removals=[a_removal()]), SAME, Intent.LOOK),  # puts nothing back
        (AUTOMATED, {}, a_plan(HOOK), OTHER, Intent.LOOK),
        (AUTOMATED, {}, a_plan(HOOK, a_change()), OTHER, Intent.SYNC),
        (AUTOMATED, {}, DRIFT, OTHER.failed(KEY), Intent.SYNC),
        (AUTOMATED, {}, DRIFT, Deployed("o", KEY, 6), Intent.LOOK),  # exhausted
        (AUTOMATED, {}, DRIFT, Deployed("o", "another", 6), Intent.SYNC),
        (AUTOMATED, {}, DRIFT, SAME.failed("another"), Intent.SYNC),  # Git went back; half of the other may be there
        (AUTOMATED, {"supersedes": True}, CLEAN, SAME, Intent.SYNC),
    ],
)
def test_the_reason_decides(
    over: dict[str, Any], run: dict[str, Any], todo: Plan, deployed: Deployed, wish: Intent
) -> None:
    application = an_application(**over)
    assert intent(application, a_run(application, key=KEY, **run), todo, deployed) is wish


def asked(**sync: Any) -> Run:
    application = an_application(operation={"initiatedBy": {"username": "ada"}, "sync": sync})
    return a_run(application, key=KEY)


def test_hooks_belong_to_whole_syncs_only() -> None:
    application = an_application()
    assert wants_hooks(application, a_run(key=KEY), OTHER)
    assert not wants_hooks(application, a_run(key=KEY), SAME)
    assert wants_hooks(application, a_run(key=KEY, resumed=True), OTHER)
    assert not wants_hooks(application, a_run(key=KEY, resumed=True, heal=True), SAME), "a heal that goes on"
    assert wants_hooks(application, asked(), SAME)
    assert not wants_hooks(application, asked(resources=[{"kind": "ConfigMap", "name": "a"}]), OTHER)
    assert DRIFT.changes[0].action is Action.CREATED
