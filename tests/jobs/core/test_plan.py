"""The plan: what is created, configured, left alone, refused, deferred and pruned."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core.errors import InvalidSpecError, KubeError, NotFound, PlanError, Refused
from jobs.core.health_status import Health, HealthStatus
from jobs.core.hooks import HOOK_RUN
from jobs.core.inventory import LABEL, TRACKING_ID, Owner
from jobs.core.objects import Manifest, ObjectId, identity
from jobs.core.order import Phase, steps
from jobs.core.plan import Action, Observed, Plan, is_hook, make
from jobs.core.rules import Rules
from tests.builders import OWNER, a_body, a_live, a_manifest, a_step, an_application, some_rules

HEALTHY = Health(HealthStatus.HEALTHY)
HOOK = {"argocd.argoproj.io/hook": "PreSync"}


def seen(*live: dict[str, Any], labelled: bool = True, **fields: Any) -> Observed:
    """These live objects, all found by their label."""
    found = {identity(body): body for body in live}
    return Observed(live=found, labelled=frozenset(found) if labelled else frozenset(), **fields)


def planned(*manifests: Manifest, observed: Observed | None = None, rules: Rules | None = None) -> Plan:
    return make(steps(manifests), observed or Observed(), rules or some_rules())


def test_what_is_not_there_is_created() -> None:
    (change,) = planned(a_manifest()).changes
    assert (change.action, change.live, change.deferred) == (Action.CREATED, None, "")


def test_what_the_dry_run_finds_equal_is_unchanged() -> None:
    manifest = a_manifest()
    live = a_live(manifest)
    todo = planned(manifest, observed=seen(live, predicted={manifest.id: live}))
    assert [change.action for change in todo.changes] == [Action.UNCHANGED]
    assert todo.synced


def test_what_the_dry_run_would_change_is_configured_and_names_the_path() -> None:
    manifest = a_manifest()
    live = a_live(manifest, data={"a": "2"})
    todo = planned(manifest, observed=seen(live, predicted={manifest.id: a_live(manifest)}))
    (change,) = todo.drifted
    assert (change.action, [str(item) for item in change.differences]) == (Action.CONFIGURED, [".data.a"])
    assert not todo.synced


@pytest.mark.parametrize(
    ("life_s", "rules", "action"),
    [
        (0, some_rules(), Action.CREATED),
        (0, some_rules(deployed_before=True), Action.UNCHANGED),
        (0, some_rules(applied=frozenset({a_manifest("Job").id})), Action.UNCHANGED),
        (0, some_rules(applied=frozenset({a_manifest("Job", "other").id})), Action.CREATED),
        (None, some_rules(deployed_before=True, applied=frozenset({a_manifest("Job").id})), Action.CREATED),
    ],
)
def test_a_job_that_is_gone_by_its_time_to_live_is_not_run_again(
    life_s: int | None, rules: Rules, action: Action
) -> None:
    manifest = a_manifest("Job", spec={"ttlSecondsAfterFinished": life_s})
    (change,) = planned(manifest, rules=rules).changes
    assert change.action is action


def test_an_owned_object_that_git_dropped_is_pruned() -> None:
    todo = planned(a_manifest("ConfigMap", "kept"), observed=seen(a_live(a_manifest("ConfigMap", "old"))))
    assert [(removal.id.name, removal.kept) for removal in todo.removals] == [("old", "")]


MARKS = {
    "no label": {"metadata": {"labels": {LABEL: None}}},
    "the label of another": {"metadata": {"labels": {LABEL: "pilothouse.other"}}},
    "no tracking annotation": {"metadata": {"annotations": {TRACKING_ID: None}}},
    "the annotation of another object": {
        "metadata": {"annotations": {TRACKING_ID: OWNER.tracking_id(ObjectId("", "Secret", "shop", "old"))}}
    },
    "another installation's annotation": {
        "metadata": {
            "annotations": {
                TRACKING_ID: Owner("other", "pilothouse", "web").tracking_id(ObjectId("", "ConfigMap", "shop", "old"))
            }
        }
    },
    "no field entry of ours": {"metadata": {"managedFields": []}},
    "a controller as its owner": {"metadata": {"ownerReferences": [{"controller": True, "kind": "ReplicaSet"}]}},
    "a deletion under way": {"metadata": {"deletionTimestamp": "2026-11-01T12:00:00Z"}},
    "a hook's annotation": {"metadata": {"annotations": HOOK}},
}


@pytest.mark.parametrize("mark", MARKS)
def test_nothing_is_pruned_that_has(mark: str) -> None:
    live = a_live(a_manifest("ConfigMap", "old"), **MARKS[mark])
    assert planned(a_manifest("ConfigMap", "kept"), observed=seen(live)).removals == ()


def test_what_was_found_without_the_label_is_never_pruned() -> None:
    live = a_live(a_manifest("ConfigMap", "old"))
    assert planned(a_manifest(), observed=seen(live, labelled=False)).removals == ()


def test_nothing_is_pruned_while_only_some_objects_were_asked_for() -> None:
    live = a_live(a_manifest("ConfigMap", "old"))
    assert planned(a_manifest(), observed=seen(live), rules=some_rules(partial=True)).removals == ()


def test_what_another_application_wants_is_released_instead_of_deleted() -> None:
    live = a_live(a_manifest("ConfigMap", "old"))
    rules = some_rules(wanted_elsewhere=frozenset({identity(live)}))
    (removal,) = planned(a_manifest(), observed=seen(live), rules=rules).removals
    assert removal.released


def test_removals_come_in_reverse_order_of_waves() -> None:
    waves = [
        a_live(a_manifest("ConfigMap", f"w{n}", metadata={"annotations": {"argocd.argoproj.io/sync-wave": str(n)}}))
        for n in (1, 3, 2)
    ]
    todo = planned(a_manifest(), observed=seen(*waves))
    assert [removal.id.name for removal in todo.removals] == ["w3", "w2", "w1"]


def test_rendering_nothing_is_refused_while_objects_exist() -> None:
    todo = planned(observed=seen(a_live(a_manifest())))
    with pytest.raises(PlanError, match="allowEmpty"):
        todo.require_clean()
    planned(observed=seen(a_live(a_manifest())), rules=some_rules(allow_empty=True)).require_clean()
    planned().require_clean()


def test_the_namespace_that_pilothouse_makes_does_not_count_as_rendered() -> None:
    namespace = a_manifest("Namespace", "shop", owner=None)
    todo = planned(namespace, observed=seen(a_live(a_manifest())))
    assert any("allowEmpty" in refusal for refusal in todo.refusals)


def test_other_peoples_labels_on_the_namespace_that_pilothouse_makes_are_no_drift() -> None:
    namespace = a_manifest("Namespace", "shop", owner=None)
    by_kubectl = {
        "manager": "kubectl-label",
        "operation": "Update",
        "apiVersion": "v1",
        "fieldsV1": {"f:metadata": {"f:labels": {"f:team": {}}}},
    }
    live = a_live(namespace, metadata={"labels": {"team": "shop"}, "managedFields": [by_kubectl]})
    todo = planned(namespace, observed=seen(live, labelled=False, predicted={namespace.id: live}))
    assert todo.drifted == ()


def test_a_refused_dry_run_refuses_the_plan_and_all_refusals_are_told_together() -> None:
    one, two = a_manifest("ConfigMap", "a"), a_manifest("ConfigMap", "b")
    problems: dict[ObjectId, KubeError] = {
        one.id: Refused("no such field", status=400),
        two.id: Refused("too big", status=413),
    }
    todo = planned(one, two, observed=Observed(problems=problems))
    with pytest.raises(PlanError) as caught:
        todo.require_clean()
    assert caught.value.refusals == ("ConfigMap shop/a: no such field", "ConfigMap shop/b: too big")
    assert caught.value.message.startswith("nothing was changed, 2 refused: ")


def test_an_object_whose_namespace_comes_with_the_plan_is_deferred_not_refused() -> None:
    namespace, inside = a_manifest("Namespace", "new"), a_manifest("ConfigMap", "a", metadata={"namespace": "new"})
    observed = Observed(problems={inside.id: NotFound("no namespace", status=404)})
    todo = planned(namespace, inside, observed=observed, rules=some_rules(namespaces_made=frozenset({"new"})))
    assert [(change.id.name, change.deferred) for change in todo.changes] == [
        ("new", ""),
        ("a", "its Namespace comes with this sync"),
    ]
    assert todo.refusals == ()


@pytest.mark.parametrize(
    ("ran", "action"),
    [
        ("op-1.PreSync", Action.UNCHANGED),
        ("op-1.PostSync", Action.CREATED),
        ("op-0.PreSync", Action.CREATED),
        ("", Action.CREATED),
    ],
)
def test_a_hook_is_done_once_this_operation_ran_it_in_this_phase(ran: str, action: Action) -> None:
    hook = a_manifest("Job", "h", metadata={"annotations": HOOK})
    todo = planned(hook, observed=seen(a_live(hook, metadata={"annotations": {HOOK_RUN: ran}})))
    assert [change.action for change in todo.changes] == [action]
    assert todo.drifted == (), "a hook is never drift"


def test_one_name_in_two_phases_is_run_in_both() -> None:
    hook = a_manifest("Job", "h", metadata={"annotations": {"argocd.argoproj.io/hook": "PreSync,PostSync"}})
    answer = a_live(hook, metadata={"annotations": {HOOK_RUN: "op-1.PreSync"}})
    todo = planned(hook).applied({hook.id: answer})
    assert [(change.action, change.live) for change in todo.changes] == [
        (Action.UNCHANGED, answer),
        (Action.CREATED, answer),
    ]


def test_a_hook_waits_until_its_former_object_is_gone() -> None:
    hook = a_manifest("Job", "h", metadata={"annotations": HOOK})
    going = a_live(hook, metadata={"annotations": {HOOK_RUN: "op-0.PreSync"}, "deletionTimestamp": "2026-11-01"})
    (change,) = planned(hook, observed=seen(going)).changes
    assert change.deferred == "its former object is still being deleted"


LEAVING = {"metadata": {"deletionTimestamp": "2026-11-01T12:00:00Z"}}


def test_what_is_on_its_way_out_is_told_apart_from_what_is_to_be_pruned() -> None:
    old, foreign, wanted = (a_manifest("ConfigMap", name) for name in ("old", "foreign", "wanted"))
    live = [a_live(old, **LEAVING), a_live(foreign, owned=False, **LEAVING), a_live(wanted, **LEAVING)]
    todo = planned(wanted, observed=seen(*live))
    assert (todo.removals, [item.id for item in todo.leaving]) == ((), [old.id])


def test_removals_know_their_wave() -> None:
    waves = {"early": "-1", "late": "2"}
    old = [
        a_live(a_manifest("ConfigMap", name, metadata={"annotations": {"argocd.argoproj.io/sync-wave": wave}}))
        for name, wave in waves.items()
    ]
    todo = planned(a_manifest(), observed=seen(*old))
    assert [(removal.id.name, removal.wave) for removal in todo.removals] == [("late", 2), ("early", -1)]


def test_a_hook_annotation_that_does_not_exist_is_an_invalid_spec() -> None:
    with pytest.raises(InvalidSpecError, match=r"ConfigMap shop/web.*argocd.argoproj.io/hook"):
        planned(a_manifest(metadata={"annotations": {"argocd.argoproj.io/hook": "Presync"}}))


def test_what_scripts_say_holds_for_the_state_they_saw_only() -> None:
    manifest, gone = a_manifest(), a_live(a_manifest("ConfigMap", "old"))
    live = a_live(manifest)
    todo = planned(manifest, observed=seen(live, gone, predicted={manifest.id: live}))
    assert [identity(body).name for body in todo.live] == ["web", "old"]
    said = {identity(body): Health(HealthStatus.DEGRADED, identity(body).name) for body in todo.live}
    judged = todo.judged(said)
    assert [(change.said or HEALTHY).message for change in judged.changes] == ["web"]
    assert [(removal.said or HEALTHY).message for removal in judged.removals] == ["old"]
    assert judged.applied({manifest.id: live}).changes[0].said is None
    assert judged.judged({}) == todo


def test_answers_of_an_apply_are_live_from_then_on() -> None:
    manifest = a_manifest()
    todo = planned(manifest).applied({manifest.id: a_live(manifest)})
    assert todo.synced
    assert todo.changes[0].live == a_live(manifest)


# --- properties

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@st.composite
def clusters(draw: st.DrawFn) -> tuple[list[Manifest], Observed, Rules]:
    wanted = [a_manifest("ConfigMap", name) for name in draw(st.sets(NAMES))]
    live = []
    for name in draw(st.sets(NAMES)):
        spoilt = draw(st.sampled_from([{}, {}, *MARKS.values()]))
        live.append(a_live(a_manifest("ConfigMap", name), **spoilt))
    bad = {manifest.id: Refused("no", status=400) for manifest in wanted if draw(st.integers(0, 5)) == 0}
    predicted = {manifest.id: a_live(manifest) for manifest in wanted}
    observed = seen(*live, predicted=predicted, problems=bad)
    rules = some_rules(an_application(), prune=draw(st.booleans()), allow_empty=draw(st.booleans()))
    return wanted, observed, rules


@settings(max_examples=100)
@given(clusters())
def test_only_what_bears_all_three_marks_is_removed_and_every_wanted_object_is_changed_once(
    case: tuple[list[Manifest], Observed, Rules],
) -> None:
    wanted, observed, rules = case
    todo = make([a_step(*wanted)], observed, rules)
    assert sorted(change.id for change in todo.changes) == sorted(manifest.id for manifest in wanted)
    spotless = {
        target for target, body in observed.live.items() if body == a_live(a_manifest("ConfigMap", target.name))
    }
    removed = {removal.id for removal in todo.removals}
    assert removed == spotless - {manifest.id for manifest in wanted}
    assert all(removal.kept for removal in todo.removals) or rules.prune
    if todo.refusals:
        with pytest.raises(PlanError):
            todo.require_clean()
    else:
        todo.require_clean()


def test_a_hook_of_two_phases_is_a_change_in_each() -> None:
    hook = a_manifest("Job", "h", metadata={"annotations": {"argocd.argoproj.io/hook": "PreSync,PostSync"}})
    assert [change.phase for change in planned(hook).changes] == [Phase.PRE_SYNC, Phase.POST_SYNC]
    assert a_body("Job")["apiVersion"] == "batch/v1"


@pytest.mark.parametrize("annotation", [*HOOK, "helm.sh/hook", HOOK_RUN])
def test_a_live_hook_says_so_itself(annotation: str) -> None:
    assert is_hook(a_live(a_manifest(metadata={"annotations": {annotation: "x"}})))
    assert not is_hook(a_live(a_manifest()))
    assert not is_hook({})
