"""Each reason for which an object is refused, deferred or kept."""

from typing import Any

import pytest

from jobs.core import guards
from jobs.core.errors import KubeError, NotFound, Refused
from jobs.core.inventory import Owner
from tests.builders import a_live, a_manifest, an_application, some_rules

MANUAL = {"spec": {"syncPolicy": {"syncOptions": ["Prune=false"]}}}
APPROVED = {"metadata": {"annotations": {"argocd.argoproj.io/deletion-approved": "yes"}}}
TERMINATED = Refused(
    'configmaps "web" is forbidden: unable to create new content in namespace shop because it is being terminated',
    status=403,
)
"""As the API server (1.36) says it."""
LEAVING = "its Namespace is being deleted, and created again once it is gone"
BY_CRD, BY_ROLE = "its CustomResourceDefinition comes with this sync", "the Role it needs comes with this sync"
OTHER = Owner("default", "pilothouse", "other")


MANUALLY = {"application": an_application(**MANUAL)}


def option(value: str) -> dict[str, Any]:
    return {"metadata": {"annotations": {"argocd.argoproj.io/sync-options": value}}}


@pytest.mark.parametrize(
    ("owner", "neighbours", "refusal"),
    [
        (OTHER, {"default/pilothouse.other"}, "belongs to Application pilothouse.other; remove it there first"),
        (OTHER, set(), ""),  # its Application is gone
        (Owner("second", "a", "b"), set(), "belongs to Application a.b of installation second; remove it there first"),
    ],
)
def test_an_object_of_another_application_is_refused_while_that_one_exists(
    owner: Owner, neighbours: set[str], refusal: str
) -> None:
    manifest = a_manifest()
    live = a_live(a_manifest(owner=owner))
    found = list(guards.of_object(manifest, live, some_rules(neighbours=frozenset(neighbours))))
    assert found == ([f"ConfigMap shop/web: {refusal}"] if refusal else [])


def test_an_object_that_only_bears_anothers_label_belongs_to_nobody() -> None:
    live = a_live(a_manifest(owner=OTHER), owned=False)
    rules = some_rules(neighbours=frozenset({"default/pilothouse.other"}))
    assert list(guards.of_object(a_manifest(), live, rules)) == []


@pytest.mark.parametrize(
    ("problem", "rules", "reason"),
    [
        (NotFound("", status=404), {"made_here": frozenset({("", "ConfigMap")})}, BY_CRD),
        (NotFound("", status=404), {"namespaces_made": frozenset({"shop"})}, "its Namespace comes with this sync"),
        (Refused("attempting privilege escalation", status=403), {"grants": True}, BY_ROLE),
        (Refused("forbidden: quota", status=403), {"grants": True}, ""),
        (Refused("no", status=422), {"namespaces_made": frozenset({"shop"})}, ""),
        (TERMINATED, {"namespaces_made": frozenset({"shop"})}, LEAVING),
        (TERMINATED, {}, ""),  # nobody here makes it again
        (NotFound("", status=404), {}, ""),
    ],
)
def test_a_failed_dry_run_is_deferred_when_this_plan_brings_what_is_missing(
    problem: KubeError, rules: dict[str, Any], reason: str
) -> None:
    assert guards.deferral(a_manifest(), None, problem, some_rules(**rules)) == reason


def test_an_object_on_its_way_out_is_deferred_until_it_is_gone() -> None:
    manifest = a_manifest()
    live = a_live(manifest, metadata={"deletionTimestamp": "2026-11-01T12:00:00Z"})
    assert "being deleted" in guards.deferral(manifest, live, None, some_rules())


@pytest.mark.parametrize(
    ("over", "rules", "kept"),
    [
        ({}, {}, ""),
        ({}, {"prune": False}, "not pruned: pruning is off for this sync"),
        (option("Prune=false"), {}, "not pruned: Prune=false"),
        (option("Prune=confirm"), {}, "not pruned: Prune=confirm waits"),
        (option("Prune=confirm"), {"application": an_application(**APPROVED)}, ""),
        ({}, MANUALLY, "not pruned: Prune=false"),
        (option("Prune=true"), MANUALLY, ""),
    ],
)
def test_options_and_policy_say_what_pruning_leaves_alone(
    over: dict[str, Any], rules: dict[str, Any], kept: str
) -> None:
    said = guards.why_kept(a_manifest("ConfigMap", "old", **over), (), (), some_rules(**rules))
    assert said.startswith(kept) if kept else said == ""


def test_a_namespace_that_holds_objects_of_others_is_kept_until_somebody_confirms() -> None:
    namespace, contents = a_manifest("Namespace", "old"), tuple(f"Pod old/p{n}" for n in range(7))
    said = guards.why_kept(namespace, contents, (), some_rules())
    assert "it holds Pod old/p0, Pod old/p1, Pod old/p2, Pod old/p3, Pod old/p4 and 2 more" in said
    assert guards.why_kept(namespace, contents, (), some_rules(application=an_application(**APPROVED))) == ""


def test_nothing_is_pruned_while_the_list_of_candidates_may_be_too_short() -> None:
    assert "metrics" in guards.why_kept(a_manifest(), (), ("API group metrics does not answer",), some_rules())


def test_the_project_may_forbid_an_object() -> None:
    project = {"spec": {"destinations": [{"server": "*", "namespace": "other"}]}}
    (said,) = guards.of_object(a_manifest(), None, some_rules(project=project))
    assert said.startswith("ConfigMap shop/web: AppProject default: spec.destinations does not allow namespace shop")


@pytest.mark.parametrize(
    ("words", "status", "kind", "clashes"),
    [
        ("provided port is already allocated", 422, "Service", True),
        ('host "shop.example.org" and path "/" is already defined in ingress "old"', 422, "Service", True),
        ("spec.ports: Required value", 422, "Service", False),
        ("provided port is already allocated", 403, "Service", False),
        ("provided port is already allocated", 422, "ConfigMap", False),
    ],
)
def test_a_refusal_that_is_about_what_goes_is_a_clash(words: str, status: int, kind: str, clashes: bool) -> None:
    new, old = a_manifest("Service", "new"), a_manifest(kind, "old")
    assert guards.clash(new, KubeError(words, status=status), old) is clashes
