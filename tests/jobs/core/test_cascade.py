"""What goes with a deleted Application."""

from typing import Any

import pytest

from jobs.core.cascade import FINALIZER, finalizer_of, removals_of
from tests.builders import OWNER, a_live, a_manifest

GOING = {"metadata": {"deletionTimestamp": "2026-11-01T12:00:00Z"}}


def owned(name: str, **annotations: str) -> dict[str, Any]:
    return a_live(a_manifest("ConfigMap", name, metadata={"annotations": annotations}))


def option(value: str) -> dict[str, str]:
    return {"argocd.argoproj.io/sync-options": value}


@pytest.mark.parametrize(
    ("finalizers", "propagation"),
    [
        (["other", FINALIZER], "foreground"),
        ([f"{FINALIZER}/background"], "background"),
        ([f"{FINALIZER}/foreground"], "foreground"),
        (["other"], ""),
        ([], ""),
    ],
)
def test_the_finalizer_says_whether_and_how(finalizers: list[str], propagation: str) -> None:
    assert finalizer_of(finalizers)[1] == propagation


def test_only_what_is_owned_goes_the_last_applied_first() -> None:
    first, last = owned("first"), owned("last", **{"argocd.argoproj.io/sync-wave": "5"})
    foreign = a_live(a_manifest("ConfigMap", "foreign"), owned=False)
    found = removals_of([first, last, foreign], OWNER, "", confirmed=False)
    assert ([removal.id.name for removal in found.due], found.left) == (["last", "first"], 2)


def test_what_is_on_its_way_out_is_waited_for_and_not_deleted_again() -> None:
    found = removals_of([a_live(a_manifest(), **GOING)], OWNER, "", confirmed=False)
    assert (found.due, found.left) == ((), 1)


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
