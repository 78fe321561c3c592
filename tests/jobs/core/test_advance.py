"""How a sync ends: hooks that are left over, deadlines, what a failed sync still does, and what is written first."""

from dataclasses import replace

import pytest

from jobs.core.advance import Clean, Note, advance, bounded
from jobs.core.deadline import Limits
from jobs.core.moment import Moment
from jobs.core.order import DeletePolicy, Phase
from jobs.core.progress import Apply, Fail, Finish, Terminate, Wait, next_step
from jobs.core.results import applied
from jobs.core.run import Run
from tests.builders import NOON, a_plan, a_run
from tests.jobs.core.some_jobs import POST, PRE, a_job, a_live_hook, begun, live, ran

LIMITS = Limits(600.0)


# --- hooks of an earlier sync


POLICY = "argocd.argoproj.io/hook-delete-policy"
HOOK = {"argocd.argoproj.io/hook": "PreSync"}
LEAVING = {"deletionTimestamp": "2026-11-01T12:00:00Z"}


def test_nothing_is_begun_while_a_hook_of_an_earlier_sync_runs() -> None:
    running, leaving = a_live_hook("going"), a_live_hook("going", **LEAVING)
    assert next_step(a_plan(a_job("a"), hooks=(running,)), begun()) == Terminate((running,), "another sync began")
    step = next_step(a_plan(a_job("a"), hooks=(leaving,)), begun())
    assert isinstance(step, Wait)
    assert "waiting until hooks of an earlier sync are gone: batch/Job shop/old" in step.message


@pytest.mark.parametrize(
    ("state", "policy", "goes"),
    [
        ("well", "HookSucceeded", True),
        ("failed", "HookFailed", True),
        ("failed", "HookSucceeded", False),
        ("well", "BeforeHookCreation", False),
        ("well", "nonsense", False),
    ],
)
def test_a_hook_of_an_earlier_sync_that_ended_goes_by_its_own_policy(state: str, policy: str, goes: bool) -> None:
    hook = a_live_hook(state, annotations={**HOOK, POLICY: policy})
    step = next_step(a_plan(hooks=(hook,)), begun())
    assert step == (Terminate((hook,), "another sync began") if goes else Finish())


def test_a_heal_leaves_hooks_alone() -> None:
    assert next_step(a_plan(hooks=(a_live_hook("going"),)), a_run().begun(heal=True)) == Finish()


# --- a sync that failed

FAIL = Phase.SYNC_FAIL


def test_a_failed_sync_terminates_its_hooks_then_runs_sync_fail_hooks_then_ends() -> None:
    rescue, run = a_job("r", FAIL, hook=True), begun().ending("wave 0 is broken")
    own = a_live_hook("going", run.id)
    assert next_step(a_plan(rescue, hooks=(own,)), run) == Terminate((own,), "wave 0 is broken")
    leaving = replace(own, leaving=True)
    assert isinstance(next_step(a_plan(rescue, hooks=(leaving,)), run), Wait)
    assert next_step(a_plan(rescue), run) == Apply((rescue,), look_again=False)
    run = run.with_results(applied([rescue], waits=True))
    assert isinstance(next_step(a_plan(live(rescue, "going")), run), Wait)
    assert next_step(a_plan(live(rescue, "well")), run) == Fail("wave 0 is broken", last=True)
    step = next_step(a_plan(live(rescue, "failed")), run)
    assert step == Fail("wave 0 is broken; so did its SyncFail hooks: batch/Job shop/r: exit 1", last=True)


def test_sync_fail_hooks_go_by_waves_and_one_that_fails_ends_them() -> None:
    first, second = a_job("r", FAIL, hook=True), a_job("s", FAIL, 1, hook=True)
    run = begun().ending("why").with_results(applied([first], waits=True))
    assert isinstance(next_step(a_plan(live(first, "going"), second), run), Wait)
    assert next_step(a_plan(live(first, "well"), second), run) == Apply((second,), look_again=False)
    step = next_step(a_plan(live(first, "failed"), second), run)
    assert isinstance(step, Fail)
    assert step.last


def test_a_sync_that_does_not_fail_never_touches_its_sync_fail_hooks() -> None:
    assert next_step(a_plan(a_job("r", FAIL, hook=True)), begun()) == Finish()


# --- deadlines, and what comes before the end


def after(seconds: float) -> Moment:
    return Moment(NOON.seconds + seconds)


def waiting(phase: Phase = PRE) -> Run:
    """A run whose hook has been waited for since noon."""
    hook = a_job("h", phase, hook=True)
    run, step = advance(a_plan(live(hook, "going")), ran(hook), LIMITS, NOON)
    assert isinstance(step, Wait)
    assert (run.waits_in, run.waits_since) == (phase, NOON)
    return run


def test_a_wait_within_its_phases_time_goes_on() -> None:
    run, step = advance(a_plan(live(a_job("h", PRE, hook=True), "going")), waiting(), LIMITS, after(600))
    assert isinstance(step, Wait)
    assert run.waits_since == NOON


def test_the_time_of_a_phase_begins_anew_with_the_phase() -> None:
    hook = a_job("h", PRE, hook=True)
    first, second = a_job("a"), a_job("b", wave=1)
    todo = a_plan(live(hook, "well"), live(first, "going"), second)
    run, step = advance(todo, waiting().with_results(applied([first], waits=True)), LIMITS, after(700))
    assert isinstance(step, Wait)
    assert (run.waits_in, run.waits_since) == ("Sync", after(700))


def test_a_hook_that_never_ends_is_terminated_at_the_deadline_and_the_sync_fails() -> None:
    hook = a_job("h", PRE, hook=True)
    own = a_live_hook("going", begun().id)
    todo = a_plan(live(hook, "going"), hooks=(own,))
    run, step = advance(todo, waiting(), LIMITS, after(601))
    assert step == Note()
    said = (
        "gave up after 600 s in phase PreSync (PILOTHOUSE_WAVE_TIMEOUT_S for each of 1) "
        "waiting for the health of batch/Job shop/h"
    )
    assert run.failing == said
    assert advance(todo, run, LIMITS, after(602))[1] == Terminate((own,), said)
    gone = a_plan(replace(hook, live=None))
    assert advance(gone, run, LIMITS, after(603))[1] == Fail(said, last=True)


def test_what_belongs_to_a_failure_has_a_deadline_too() -> None:
    rescue = a_job("r", Phase.SYNC_FAIL, hook=True)
    own = a_live_hook("going", begun().id, Phase.SYNC_FAIL)
    todo = a_plan(live(rescue, "going"), hooks=(own,))
    run, _ = advance(todo, ran(rescue).ending("why"), LIMITS, NOON)
    run, step = advance(todo, run, LIMITS, after(601))
    assert step == Terminate((own,), step.why if isinstance(step, Terminate) else "")
    run, step = advance(replace(todo, hooks=(replace(own, leaving=True),)), run, LIMITS, after(602))
    assert isinstance(step, Fail)
    assert step.last
    assert step.message.startswith("why; gave up after 600 s in phase SyncFail")


def test_a_failure_that_no_hook_has_a_part_in_is_the_end_at_once() -> None:
    change = a_job("a")
    _, step = advance(a_plan(live(change, "failed")), ran(change), LIMITS, NOON)
    assert step == Fail("batch/Job shop/a: exit 1", last=True)


def test_a_failure_is_written_down_before_sync_fail_hooks_run() -> None:
    change, rescue = a_job("a"), a_job("r", Phase.SYNC_FAIL, hook=True)
    run, step = advance(a_plan(live(change, "failed"), rescue), ran(change), LIMITS, NOON)
    assert (step, run.failing) == (Note(), "batch/Job shop/a: exit 1")
    assert run.message == "failed, and is being ended: batch/Job shop/a: exit 1"


def test_a_sync_that_could_not_even_begin_runs_no_sync_fail_hooks() -> None:
    rescue = a_job("r", Phase.SYNC_FAIL, hook=True)
    _, step = advance(a_plan(a_job("a"), rescue, refusals=("no",)), begun(), LIMITS, NOON)
    assert step == Fail("nothing was changed, 1 refused: no", last=True)


@pytest.mark.parametrize("fault", ["the cluster refused it", ""])
def test_a_refusal_on_the_way_fails_the_sync(fault: str) -> None:
    change, rescue = a_job("a"), a_job("r", Phase.SYNC_FAIL, hook=True)
    todo = a_plan(live(change, "well"), rescue, refusals=() if fault else ("b: no",))
    run, step = advance(todo, replace(ran(change), fault=fault), LIMITS, NOON)
    assert (step, run.failing) == (Note(), fault or "1 objects were applied before, 1 refused: b: no")
    assert run.fault == ""


def test_a_heal_that_is_refused_just_ends() -> None:
    rescue = a_job("r", Phase.SYNC_FAIL, hook=True)
    run = replace(ran(a_job("a")), heal=True, fault="the cluster refused it")
    assert advance(a_plan(rescue), run, LIMITS, NOON)[1] == Fail("the cluster refused it", last=True)


def test_a_sync_fail_hook_that_cannot_be_applied_ends_it() -> None:
    rescue = a_job("r", Phase.SYNC_FAIL, hook=True)
    run = replace(ran(a_job("a")).ending("why"), fault="no room")
    assert advance(a_plan(rescue), run, LIMITS, NOON)[1] == Fail("why; no room", last=True)


@pytest.mark.parametrize(
    ("state", "policy", "end"),
    [("well", DeletePolicy.HOOK_SUCCEEDED, Finish), ("failed", DeletePolicy.HOOK_FAILED, Fail)],
)
def test_hooks_go_by_their_policy_before_the_end(state: str, policy: DeletePolicy, end: type) -> None:
    hook = live(a_job("h", POST, hook=True, policies=(policy,)), state)
    run, step = advance(a_plan(hook), ran(hook), LIMITS, NOON)
    if isinstance(step, Note):
        run, step = advance(a_plan(hook), run, LIMITS, NOON)
    assert step == Clean((hook,))
    assert isinstance(advance(a_plan(hook).cleaned([hook]), run, LIMITS, NOON)[1], end)


def test_a_wait_that_comes_from_elsewhere_has_its_deadline() -> None:
    run, step = bounded(Wait((), "for others"), a_plan(), begun(), LIMITS, NOON)
    assert step == Wait((), "for others")
    _, step = bounded(Wait((), "for others"), a_plan(), run, LIMITS, after(601))
    assert isinstance(step, Fail)
