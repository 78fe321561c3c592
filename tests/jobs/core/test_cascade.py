"""What goes with a deleted Application."""

from collections.abc import Iterable
from typing import Any

from jobs.core.cascade import hooks_of, removals_of, still_there
from jobs.core.hooks import HOOK_RUN
from jobs.core.order import WAVE, Phase
from jobs.core.plan import Removal
from tests.builders import OWNER, a_live, a_manifest
from tests.jobs.core.some_jobs import STATES

GOING = {"metadata": {"deletionTimestamp": "2026-11-01T12:00:00Z"}}


def names(removals: Iterable[Removal]) -> list[str]:
    return [removal.id.name for removal in removals]


def owned(name: str, **annotations: str) -> dict[str, Any]:
    return a_live(a_manifest("ConfigMap", name, metadata={"annotations": annotations}))


def option(value: str) -> dict[str, str]:
    return {"argocd.argoproj.io/sync-options": value}


def test_only_what_is_owned_goes_the_last_applied_first() -> None:
    first, last = owned("first"), owned("last", **{"argocd.argoproj.io/sync-wave": "5"})
    foreign = a_live(a_manifest("ConfigMap", "foreign"), owned=False)
    found = removals_of([first, last, foreign], OWNER, "", confirmed=False)
    assert (names(found.due), names(found.left)) == (["last"], ["last", "first"])


def test_a_wave_is_gone_before_an_earlier_one_goes() -> None:
    late = {WAVE: "1"}
    held = a_live(a_manifest("ConfigMap", "held", metadata={"annotations": late, **GOING["metadata"]}))
    bodies = [owned("early"), owned("late", **late), held]
    found = removals_of(bodies, OWNER, "", confirmed=False)
    assert (names(found.due), names(found.left)) == (["late"], ["late", "held", "early"])
    assert names(removals_of([owned("early"), held], OWNER, "", confirmed=False).due) == []
    assert names(removals_of([owned("early")], OWNER, "", confirmed=False).due) == ["early"]


def test_what_is_on_its_way_out_is_waited_for_and_not_deleted_again() -> None:
    found = removals_of([a_live(a_manifest(), **GOING)], OWNER, "", confirmed=False)
    assert (found.due, names(found.left)) == ((), ["web"])


def test_what_holds_an_object_is_named() -> None:
    held = a_live(a_manifest(), metadata={**GOING["metadata"], "finalizers": ["a.example.org/x", "foregroundDeletion"]})
    found = removals_of([held, owned("free")], OWNER, "", confirmed=False)
    said = still_there(found.left)
    assert said == "ConfigMap shop/web (finalizers: a.example.org/x, foregroundDeletion), ConfigMap shop/free"


def a_hook(phase: str, state: str = "well", policy: str = "") -> dict[str, Any]:
    annotations = {"argocd.argoproj.io/hook": phase, HOOK_RUN: f"op.{phase}"}
    annotations |= {"argocd.argoproj.io/hook-delete-policy": policy} if policy else {}
    return a_live(a_manifest("Job", phase.lower(), metadata={"annotations": annotations}), **STATES[state])


def test_hooks_of_syncs_and_pre_delete_hooks_go_with_the_cascade_post_delete_hooks_are_yet_to_run() -> None:
    bodies = [a_hook(phase) for phase in ("PreSync", "PreDelete", "PostDelete")]
    found = removals_of(bodies, OWNER, "", confirmed=False)
    assert names(found.due) == ["presync", "predelete"]


def test_hooks_of_a_phase_of_the_deletion_are_found_with_what_becomes_of_them() -> None:
    kept, goes = a_hook("PreDelete"), a_hook("PostDelete", policy="HookSucceeded")
    assert [hook.goes for hook in hooks_of([kept, goes], OWNER, Phase.PRE_DELETE)] == [False]
    assert [hook.goes for hook in hooks_of([kept, goes], OWNER, Phase.POST_DELETE)] == [True]


def test_what_is_to_stay_is_released() -> None:
    bodies = [owned("a", **option("Delete=false")), owned("b", **{"helm.sh/resource-policy": "keep"}), owned("c")]
    found = removals_of(bodies, OWNER, "", confirmed=False)
    assert sorted(removal.id.name for removal in found.released) == ["a", "b"]
    assert [removal.id.name for removal in found.due] == ["c"]


def test_the_applications_own_option_counts_where_an_object_has_none() -> None:
    found = removals_of([owned("a"), owned("b", **option("Delete=true"))], OWNER, "false", confirmed=False)
    assert [removal.id.name for removal in found.released] == ["a"]
    assert [removal.id.name for removal in found.due] == ["b"]


def test_what_waits_for_a_confirmation_is_named_until_it_is_given() -> None:
    asked = [owned("a", **option("Delete=confirm"))]
    assert [target.name for target in removals_of(asked, OWNER, "", confirmed=False).unconfirmed] == ["a"]
    assert [removal.id.name for removal in removals_of(asked, OWNER, "", confirmed=True).due] == ["a"]
