"""What a sync does next: a cluster that applies what it is told always ends, in order, and nothing is done twice."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core.errors import PlanError
from jobs.core.health import IGNORE_HEALTH, Health, HealthStatus
from jobs.core.objects import ObjectId
from jobs.core.order import DeletePolicy, Hook, Phase
from jobs.core.plan import Action, Change, Plan
from jobs.core.progress import Apply, Fail, Finish, Prune, Wait, hooks_to_delete, next_step, unsettled
from jobs.core.run import Run, applied, pruned
from tests.builders import a_change, a_live, a_manifest, a_plan, a_removal, a_run

PRE, SYNC, POST = Phase.PRE_SYNC, Phase.SYNC, Phase.POST_SYNC
BEFORE = (DeletePolicy.BEFORE_HOOK_CREATION,)
COMPLETE = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
FAILED = {"status": {"conditions": [{"type": "Failed", "status": "True", "message": "exit 1"}]}}
STATES: dict[str, dict[str, Any]] = {"well": COMPLETE, "failed": FAILED, "going": {}}


def a_job(name: str, /, phase: Phase = SYNC, wave: int = 0, *, hook: bool = False, **fields: Any) -> Change:
    """A Job, since its health is what its conditions say."""
    policies = fields.pop("policies", BEFORE)
    what = Hook((phase,), policies) if hook else None
    return a_change(a_manifest("Job", name), phase=phase, wave=wave, hook=what, **fields)


def begun(**fields: Any) -> Run:
    return a_run(**fields).begun(heal=False)


def live(change: Change, state: str) -> Change:
    return replace(change, action=Action.UNCHANGED, live=a_live(change.manifest, **STATES[state]))


def ran(*changes: Change) -> Run:
    return begun().with_results(applied(changes, waits=True))


# --- single steps


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
    assert step == Wait((inside.id,), "waiting: batch/Job shop/a: its Namespace comes with this sync")
    removal = a_removal()
    assert next_step(a_plan(inside, removals=[removal]), run) == Prune((removal,), look_again=True)


def test_a_heal_does_not_wait_for_an_object_that_is_still_being_deleted() -> None:
    """Its end is an event, which brings the next heal; a finalizer may hold it for hours."""
    leaving = {"metadata": {"deletionTimestamp": "2026-11-01T12:00:00Z"}}
    change = a_job("a", deferred="it is being deleted", live=a_live(a_manifest("Job", "a"), **leaving))
    assert next_step(a_plan(change), a_run().begun(heal=True)) == Finish()


# --- the model: a cluster that does what it is told


@dataclass
class Cluster:
    """Applies and deletes what it is told; each object gets well, or fails, after some looks."""

    fates: dict[ObjectId, tuple[int, str]]
    """Looks until the end, and how it ends."""
    live: dict[ObjectId, dict[str, Any]] = field(default_factory=dict)
    looks: dict[ObjectId, int] = field(default_factory=dict)
    hooks_run: list[tuple[ObjectId, str, str]] = field(default_factory=list)

    def applied(self, changes: Iterable[Change]) -> set[ObjectId]:
        for change in changes:
            if change.hook:
                self.hooks_run.append((change.id, str(change.phase), "run"))
            self.live[change.id] = a_live(change.manifest)
            self.looks[change.id] = 0
        return {change.id for change in changes}

    def delete(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self.live.pop(change.id, None)

    def look(self) -> None:
        for target, body in self.live.items():
            after, how = self.fates.get(target, (0, "well"))
            self.looks[target] = self.looks.get(target, 0) + 1
            if self.looks[target] >= after:
                body.update(STATES[how])

    def is_well(self, target: ObjectId) -> bool:
        return target in self.live and self.live[target].get("status") == COMPLETE["status"]


def looked_at(todo: Plan, cluster: Cluster, done: set[ObjectId], removed: set[ObjectId]) -> Plan:
    """The same plan as the next comparison would make it."""
    changes = []
    for change in todo.changes:
        action = change.action
        if not change.hook and change.id in done:
            action = Action.UNCHANGED
        if change.hook and any(entry[:2] == (change.id, str(change.phase)) for entry in cluster.hooks_run):
            action = Action.UNCHANGED if change.id in cluster.live else Action.CREATED
        changes.append(replace(change, action=action, live=cluster.live.get(change.id)))
    return replace(todo, changes=tuple(changes), removals=tuple(r for r in todo.removals if r.id not in removed))


@st.composite
def scenarios(draw: st.DrawFn) -> tuple[Plan, Cluster]:
    changes, fates = [], {}
    for index in range(draw(st.integers(0, 6))):
        phase = draw(st.sampled_from([PRE, SYNC, SYNC, SYNC, POST]))
        hook = phase is not SYNC or draw(st.booleans())
        policies = tuple(draw(st.lists(st.sampled_from(list(DeletePolicy)), min_size=1, unique=True)))
        change = a_job(f"o{index}", phase, draw(st.integers(-1, 1)), hook=hook, policies=policies)
        fates[change.id] = (draw(st.integers(0, 3)), draw(st.sampled_from(["well", "well", "well", "failed"])))
        if not hook and draw(st.booleans()):
            change = replace(change, action=Action.UNCHANGED)
        changes.append(change)
    changes.sort(key=lambda change: (change.phase.position, change.wave))
    removals = [
        a_removal(f"r{index}", draw(st.sampled_from(["", "not pruned"]))) for index in range(draw(st.integers(0, 2)))
    ]
    cluster = Cluster(fates)
    for change in changes:
        if change.action is Action.UNCHANGED:
            cluster.live[change.id] = {**a_live(change.manifest), **COMPLETE}
            fates[change.id] = (0, "well")
    return a_plan(*changes, removals=removals), cluster


def require_earlier_healthy(step: Apply, plan: Plan, cluster: Cluster, run: Run) -> None:
    first = step.changes[0]
    for change in plan.changes:
        if (change.phase.position, change.wave) >= (first.phase.position, first.wave):
            continue
        result = run.results.get((change.id, str(change.phase)))
        over = change.hook and result and result.hook_phase == "Succeeded"
        assert over or cluster.is_well(change.id), "applied before an earlier step was healthy"


def require_prunable(plan: Plan, cluster: Cluster, run: Run) -> None:
    for change in plan.changes:
        if not change.hook and change.id in run.changed_ids:
            assert cluster.is_well(change.id), "pruned before the Sync phase was healthy"
        if change.phase is POST:
            assert (change.id, str(change.phase), "run") not in cluster.hooks_run, (
                "a PostSync hook ran before the prune"
            )


@settings(max_examples=80)
@given(scenarios())
def test_a_sync_always_ends_in_order_and_does_nothing_twice(scenario: tuple[Plan, Cluster]) -> None:
    todo, cluster = scenario
    run, done, removed = begun(), set[ObjectId](), set[ObjectId]()
    for _ in range(60):
        plan = looked_at(todo, cluster, done, removed)
        run = run.with_results(unsettled(plan, run))
        step = next_step(plan, run)
        if isinstance(step, Finish | Fail):
            break
        if isinstance(step, Apply):
            require_earlier_healthy(step, plan, cluster, run)
            done |= cluster.applied(step.changes)
            run = run.with_results(applied(step.changes, waits=True))
        elif isinstance(step, Prune):
            require_prunable(plan, cluster, run)
            run = run.with_results(pruned(step.removals, {}))
            removed |= {removal.id for removal in step.removals if not removal.kept}
        cluster.look()
        cluster.delete(hooks_to_delete(plan, run))
    assert isinstance(step, Finish | Fail), "the sync does not end"
    assert len(cluster.hooks_run) == len(set(cluster.hooks_run)), "a hook was run twice"
    if isinstance(step, Finish):
        assert {change.id for change in todo.changes if change.action is Action.CREATED} <= done
        assert removed == {removal.id for removal in todo.removals if not removal.kept}


def test_a_refused_plan_lets_nothing_be_applied() -> None:
    with pytest.raises(PlanError, match="nothing was changed, 1 refused: no"):
        a_plan(a_job("a"), refusals=("no",)).require_clean()
