"""What a sync does next, step by step. That all of it together keeps the rules: test_sync_model.py."""

from dataclasses import replace

import pytest

from jobs.core.errors import PlanError
from jobs.core.health import IGNORE_HEALTH, Health, HealthStatus
from jobs.core.hooks import HOOK_RUN
from jobs.core.order import DeletePolicy
from jobs.core.plan import Action
from jobs.core.progress import Apply, Fail, Finish, Prune, Wait, next_step
from jobs.core.results import applied, pruned
from jobs.core.settle import adopted, hooks_to_delete, unsettled
from tests.builders import a_live, a_manifest, a_plan, a_removal, a_run
from tests.jobs.core.some_jobs import COMPLETE, POST, PRE, SYNC, a_job, begun, live, ran


def test_a_script_decides_whether_a_step_is_waited_for() -> None:
    first, later = a_job("a"), a_job("b", wave=1)
    going = replace(live(first, "well"), said=Health(HealthStatus.PROGRESSING, "not yet"))
    assert isinstance(next_step(a_plan(going, later), ran(first)), Wait)
    broken = replace(live(first, "well"), said=Health(HealthStatus.DEGRADED, "broken"))
    assert next_step(a_plan(broken, later), ran(first)) == Fail("batch/Job shop/a: broken")
    well = replace(live(first, "going"), said=Health(HealthStatus.HEALTHY))
    assert next_step(a_plan(well, later), ran(first)) == Apply((later,), look_again=False)


@pytest.mark.parametrize("state", ["going", "failed"])
def test_nobody_waits_for_an_object_that_ignores_its_health_unless_it_is_a_hook(state: str) -> None:
    ignored, later = a_manifest("Job", "a", metadata={"annotations": {IGNORE_HEALTH: "true"}}), a_job("b", wave=1)
    change = live(replace(a_job("a"), manifest=ignored), state)
    assert next_step(a_plan(change, later), ran(change)) == Apply((later,), look_again=False)
    assert [result.hook_phase for result in unsettled(a_plan(change), ran(change))] == ["Succeeded"]
    hook = live(replace(a_job("a", hook=True), manifest=ignored), state)
    assert not isinstance(next_step(a_plan(hook, later), ran(hook)), Apply)


def test_a_plan_with_nothing_to_do_is_finished() -> None:
    assert next_step(a_plan(), begun()) == Finish()


def test_what_is_open_in_the_first_step_is_applied_together() -> None:
    one, two, later = a_job("a"), a_job("b"), a_job("c", wave=1)
    step = next_step(a_plan(one, two, later), begun())
    assert step == Apply((one, two), look_again=False)


def test_a_later_step_waits_for_the_health_of_the_one_before() -> None:
    first, later = a_job("a"), a_job("b", wave=1)
    step = next_step(a_plan(live(first, "going"), later), ran(first))
    assert isinstance(step, Wait)
    assert step.ids == (first.id,)
    assert "waiting for the health of batch/Job shop/a" in step.message


def test_a_later_step_is_never_applied_after_one_that_is_degraded() -> None:
    first, later = a_job("a"), a_job("b", wave=1)
    assert next_step(a_plan(live(first, "failed"), later), ran(first)) == Fail("batch/Job shop/a: exit 1")


def test_what_cannot_be_judged_yet_is_waited_for_once_it_is_alone() -> None:
    clean, deferred = a_job("a"), a_job("b", deferred="its Namespace comes with this sync")
    assert next_step(a_plan(clean, deferred), begun()) == Apply((clean,), look_again=True)
    step = next_step(a_plan(live(clean, "well"), deferred), ran(clean))
    assert isinstance(step, Wait)
    assert "its Namespace comes with this sync" in step.message


def test_pruning_comes_after_the_health_of_what_was_changed_and_before_post_sync() -> None:
    change, hook, removal = a_job("a"), a_job("h", POST, hook=True), a_removal()
    going = a_plan(live(change, "going"), hook, removals=[removal])
    assert isinstance(next_step(going, ran(change)), Wait)
    well = a_plan(live(change, "well"), hook, removals=[removal])
    assert next_step(well, ran(change)) == Prune((removal,))
    run = ran(change).with_results(pruned([removal], {}))
    assert next_step(a_plan(live(change, "well"), hook), run) == Apply((hook,), look_again=False)


def test_what_was_not_changed_keeps_no_prune_waiting() -> None:
    removal = a_removal()
    assert next_step(a_plan(live(a_job("a"), "going"), removals=[removal]), begun()) == Prune((removal,))


def test_a_hook_that_this_run_has_run_is_not_run_again_even_if_it_is_gone() -> None:
    hook = a_job("h", PRE, hook=True)
    run = ran(hook).with_results([replace(next(iter(ran(hook).results.values())), hook_phase="Succeeded")])
    assert next_step(a_plan(hook), run) == Finish()


@pytest.mark.parametrize("hook", [True, False])
def test_a_job_that_went_by_its_time_to_live_before_anybody_looked_counts_as_done(hook: bool) -> None:
    short = replace(
        a_job("h", PRE if hook else SYNC, hook=hook),
        manifest=a_manifest("Job", "h", spec={"ttlSecondsAfterFinished": 0}),
        action=Action.CREATED if hook else Action.UNCHANGED,
    )
    later = a_job("a", wave=1)
    run = begun().with_results(applied([replace(short, action=Action.CREATED)], waits=True))
    run = run.with_results(unsettled(a_plan(short, later), run))
    result = run.results[short.id, str(short.phase)]
    assert (result.hook_phase, result.message) == (
        "Succeeded",
        "created, gone by its time to live before its end was seen",
    )
    assert next_step(a_plan(short, later), run) == Apply((later,), look_again=False)


def test_a_failed_hook_ends_the_sync() -> None:
    hook = live(a_job("h", PRE, hook=True), "failed")
    run = ran(hook)
    settled = run.with_results(unsettled(a_plan(hook), run))
    assert next_step(a_plan(hook, a_job("a")), settled) == Fail("batch/Job shop/h: exit 1")


@pytest.mark.parametrize(("state", "word"), [("well", "Succeeded"), ("failed", "Failed"), ("going", "Running")])
def test_a_wait_is_settled_by_how_the_object_ended(state: str, word: str) -> None:
    hook = a_job("h", PRE, hook=True)
    run = ran(hook)
    run = run.with_results(unsettled(a_plan(live(hook, state)), run))
    assert [result.hook_phase for result in run.results.values()] == [word]


@pytest.mark.parametrize(
    ("policy", "state", "goes"),
    [
        (DeletePolicy.HOOK_SUCCEEDED, "well", True),
        (DeletePolicy.HOOK_SUCCEEDED, "failed", False),
        (DeletePolicy.HOOK_FAILED, "failed", True),
        (DeletePolicy.HOOK_FAILED, "well", False),
        (DeletePolicy.BEFORE_HOOK_CREATION, "well", False),
        (DeletePolicy.HOOK_SUCCEEDED, "going", False),
    ],
)
def test_a_hook_goes_when_its_policy_says_so(policy: DeletePolicy, state: str, goes: bool) -> None:
    hook = live(a_job("h", PRE, hook=True, policies=(policy,)), state)
    run = ran(hook)
    run = run.with_results(unsettled(a_plan(hook), run))
    assert [change.id for change in hooks_to_delete(a_plan(hook), run)] == ([hook.id] if goes else [])


def test_a_heal_puts_back_and_prunes_without_waiting_and_without_hooks() -> None:
    drifted, hook, removal = a_job("a", wave=3), a_job("h", PRE, hook=True), a_removal()
    run = a_run().begun(heal=True)
    todo = a_plan(hook, drifted, removals=[removal])
    assert next_step(todo, run) == Apply((drifted,), look_again=False)
    put_back = a_plan(hook, live(drifted, "going"), removals=[removal])
    assert next_step(put_back, run) == Prune((removal,))
    assert next_step(put_back, run.with_results(pruned([removal], {}))) == Finish()


def test_a_heal_looks_again_and_waits_for_what_comes_with_what_it_put_back() -> None:
    """A namespace or a CRD that was deleted takes everything in it along."""
    made, inside = a_job("namespace"), a_job("a", deferred="its Namespace comes with this sync")
    run = a_run().begun(heal=True)
    assert next_step(a_plan(made, inside), run) == Apply((made,), look_again=True)
    step = next_step(a_plan(live(made, "well"), inside), run)
    assert step == Wait((inside.id,), "waiting: batch/Job shop/a: its Namespace comes with this sync", SYNC)
    removal = a_removal()
    assert next_step(a_plan(inside, removals=[removal]), run) == Prune((removal,), look_again=True)


def test_a_heal_does_not_wait_for_an_object_that_is_still_being_deleted() -> None:
    """Its end is an event, which brings the next heal; a finalizer may hold it for hours."""
    leaving = {"metadata": {"deletionTimestamp": "2026-11-01T12:00:00Z"}}
    change = a_job("a", deferred="it is being deleted", live=a_live(a_manifest("Job", "a"), **leaving))
    assert next_step(a_plan(change), a_run().begun(heal=True)) == Finish()


def test_a_refused_plan_lets_nothing_be_applied() -> None:
    with pytest.raises(PlanError, match="nothing was changed, 1 refused: no"):
        a_plan(a_job("a"), refusals=("no",)).require_clean()


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (None, "batch/Job shop/h: was deleted before its end was seen, by somebody else"),
        ("other.PreSync", "batch/Job shop/h: was replaced before its end was seen, by somebody else"),
    ],
)
def test_a_hook_that_is_gone_while_it_is_waited_for_fails_the_sync(there: str | None, said: str) -> None:
    hook = a_job("h", PRE, hook=True)
    found = a_live(hook.manifest, **COMPLETE, metadata={"annotations": {HOOK_RUN: there}}) if there else None
    todo = a_plan(replace(hook, live=found), a_job("a"))
    run = ran(hook)
    assert next_step(todo, run) == Fail(said)
    settled = run.with_results(unsettled(todo, run))
    assert [result.hook_phase for result in settled.results.values()] == ["Failed"]
    assert next_step(todo, settled) == Fail(said)


def test_an_object_that_is_gone_while_it_is_waited_for_is_made_again() -> None:
    change = a_job("a")
    assert next_step(a_plan(change), ran(change)) == Apply((change,), look_again=False)


def test_a_hook_that_ran_before_a_kill_is_not_run_again_and_its_end_is_seen() -> None:
    hook = live(a_job("h", PRE, hook=True), "well")
    run = begun()
    assert next_step(a_plan(hook), run) == Finish()
    (result,) = unsettled(a_plan(hook), run)
    assert (result.hook_type, result.hook_phase, result.message) == ("PreSync", "Succeeded", "created")


def test_hooks_beside_a_broken_one_come_to_their_end_first() -> None:
    broken, going = live(a_job("a", PRE, hook=True), "failed"), live(a_job("b", PRE, hook=True), "going")
    step = next_step(a_plan(broken, going), ran(broken, going))
    assert isinstance(step, Wait)
    assert step.ids == (going.id,)
    assert "waiting for hooks before this ends as failed (batch/Job shop/a: exit 1)" in step.message


def test_objects_beside_a_broken_one_are_not_waited_for() -> None:
    one, two = a_job("a"), a_job("b")
    assert next_step(a_plan(live(one, "failed"), live(two, "going")), ran(one, two)) == Fail("batch/Job shop/a: exit 1")


def test_what_is_on_its_way_when_its_worker_was_killed_is_waited_for() -> None:
    going, well, later = live(a_job("a"), "going"), live(a_job("b"), "well"), a_job("c", wave=1)
    todo = a_plan(going, well, later)
    assert [(result.id, result.hook_phase) for result in adopted(todo, begun())] == [(going.id, "Running")]
    assert adopted(todo, ran(going)) == ()


# --- prunes in waves


def test_removals_go_wave_by_wave_and_one_wave_is_gone_before_the_next_goes() -> None:
    late, kept, early = (replace(a_removal(name), wave=wave) for name, wave in (("late", 1), ("kept", 1), ("early", 0)))
    kept = replace(kept, kept="Prune=false")
    todo, run = a_plan(removals=[late, kept, early]), begun()
    assert next_step(todo, run) == Prune((late, kept))
    run = run.with_results(pruned([late, kept], {}))
    going = todo.pruned([late, kept], [late.id])
    step = next_step(going, run)
    assert isinstance(step, Wait)
    assert step.ids == (late.id,)
    assert next_step(replace(going, leaving=()), run) == Prune((early,))
    run = run.with_results(pruned([early], {}))
    assert next_step(a_plan(removals=[kept]), run) == Finish()


def test_the_last_wave_is_gone_before_post_sync_hooks_run() -> None:
    hook, old = a_job("h", POST, hook=True), a_removal()
    run = begun().with_results(pruned([old], {}))
    assert isinstance(next_step(a_plan(hook, leaving=(old,)), run), Wait)
    assert next_step(a_plan(hook), run) == Apply((hook,), look_again=False)


def test_what_a_list_still_shows_after_it_was_pruned_is_waited_for() -> None:
    old = a_removal()
    run = begun().with_results(pruned([old], {}))
    assert isinstance(next_step(a_plan(removals=[old]), run), Wait)


def test_what_others_delete_is_not_waited_for() -> None:
    assert next_step(a_plan(leaving=(a_removal(),)), begun()) == Finish()


def test_a_later_wave_that_others_delete_is_gone_before_an_earlier_one_goes() -> None:
    late, early = replace(a_removal("late"), wave=1), a_removal("early")
    assert isinstance(next_step(a_plan(removals=[early], leaving=(late,)), begun()), Wait)
    assert next_step(a_plan(removals=[late], leaving=(early,)), begun()) == Prune((late,))
