"""From what was rendered to what is sent."""

from typing import Any

import pytest

from jobs.core.application import RUN
from jobs.core.discovery import ApiResource, Discovery
from jobs.core.errors import InvalidSpecError
from jobs.core.inventory import TRACKING_ID
from jobs.core.moment import Moment
from jobs.core.objects import Manifest, ObjectId, manifest_of
from jobs.core.order import HOOK
from jobs.core.run import Aim, resumed
from jobs.core.scope import WHOLE, Scope
from jobs.core.target import Targets, targets
from tests.builders import COMMIT, OWNER, a_body, a_run, an_application, an_id

VERBS = frozenset({"get", "list", "patch"})


def served(*kinds: tuple[str, str, bool]) -> Discovery:
    found = {
        (group, kind): ApiResource(group, kind, "v1", ("v1",), f"{kind.lower()}s", namespaced, VERBS)
        for group, kind, namespaced in kinds
    }
    return Discovery(resources=found, api_versions=(), stale=())


CLUSTER = served(("", "ConfigMap", True), ("", "Namespace", False), ("batch", "Job", True))


def sent(*bodies: dict[str, Any], scope: Scope = WHOLE, **over: Any) -> Targets:
    application = an_application(**over)
    return targets(map(manifest_of, bodies), CLUSTER, application, OWNER, a_run(application), scope)


def ids(found: Targets) -> list[ObjectId]:
    return [manifest.id for manifest in found.manifests]


def without_namespace(kind: str = "ConfigMap", **over: Any) -> dict[str, Any]:
    return a_body(kind, "web", **{"metadata": {"namespace": None}} | over)


def test_an_object_without_a_namespace_goes_to_the_destinations() -> None:
    found = sent(without_namespace(), a_body("Namespace", "other", metadata={"namespace": "x"}))
    assert ids(found) == [ObjectId("", "ConfigMap", "shop", "web"), ObjectId("", "Namespace", "", "other")]
    assert all(TRACKING_ID in manifest.annotations for manifest in found.manifests)


def test_a_namespaced_object_that_has_nowhere_to_go_is_an_invalid_spec() -> None:
    with pytest.raises(InvalidSpecError, match=r"ConfigMap web: has no namespace; set spec\.destination\.namespace"):
        sent(without_namespace(), spec={"destination": {"namespace": None}})


def test_an_object_with_and_one_without_its_namespace_are_the_same_and_the_last_wins() -> None:
    found = sent(without_namespace(data={"a": "old"}), a_body(data={"a": "new"}))
    (manifest,) = found.manifests
    assert manifest.body["data"] == {"a": "new"}
    assert "rendered more than once" in found.warnings[0]


def test_a_kind_that_a_crd_of_this_plan_defines_has_the_scope_the_crd_says() -> None:
    names = {"group": "example.org", "names": {"kind": "Widget"}}
    for scope, namespace in (("Cluster", ""), ("Namespaced", "shop")):
        crd = a_body("CustomResourceDefinition", "widgets.example.org", spec={**names, "scope": scope})
        found = sent(crd, without_namespace("Widget", apiVersion="example.org/v1"))
        assert found.manifests[-1].id.namespace == namespace
        assert found.kinds_made == {("example.org", "Widget")}


@pytest.mark.parametrize("spec", [None, "text", {}, {"names": "x"}, {"names": {"kind": 7}, "group": []}])
def test_a_crd_of_any_shape_is_taken(spec: Any) -> None:
    assert len(sent(a_body("CustomResourceDefinition", "c", spec=spec)).manifests) == 1


def test_a_hook_gets_its_generated_name_which_is_the_same_over_all_claims_of_a_run() -> None:
    hook = a_body(
        "Job", metadata={"name": None, "generateName": "migrate-", "annotations": {"helm.sh/hook": "pre-upgrade"}}
    )
    (one,), (other,) = sent(hook).manifests, sent(hook).manifests
    assert one.id.name == f"migrate-{COMMIT[:7]}-presync-1793534400"
    assert one.id == other.id
    assert one.body["metadata"]["name"] == one.id.name
    assert "generateName" not in one.body["metadata"]


def generated(**metadata: Any) -> dict[str, Any]:
    return a_body("Job", metadata={"name": None, "generateName": "migrate-"} | metadata)


def test_a_generated_name_outlives_a_newer_commit_that_renders_the_same() -> None:
    application = an_application(
        metadata={"annotations": {RUN: f"{COMMIT[:7]}-aa.bb.{'k' * 32}"}},
        status={"operationState": {"phase": "Running", "startedAt": "2026-11-01T12:00:00Z"}},
    )
    run = resumed(application, Aim(("b" * 40,), "k" * 32), "cc", Moment(1_793_540_000.0))
    hook = manifest_of(generated(annotations={HOOK: "PreSync"}))
    (found,) = targets([hook], CLUSTER, application, OWNER, run).manifests
    assert found.id.name == f"migrate-{COMMIT[:7]}-presync-1793534400"


def test_a_hook_of_two_phases_with_a_generated_name_is_an_object_in_each() -> None:
    found = sent(generated(annotations={"helm.sh/hook": "pre-install,post-upgrade"}))
    assert [(item.id.name.split("-")[2], item.annotations[HOOK]) for item in found.manifests] == [
        ("presync", "PreSync"),
        ("postsync", "PostSync"),
    ]
    named = sent(a_body("Job", "migrate", metadata={"annotations": {HOOK: "PreSync,PostSync"}}))
    assert ids(named) == [ObjectId("batch", "Job", "shop", "migrate")]


def test_the_generated_name_of_a_job_fits_into_a_label_and_stays_its_own() -> None:
    hooks = [generated(generateName=f"{'long-' * 20}{end}-", annotations={HOOK: "Sync"}) for end in "ab"]
    names = [target.name for target in ids(sent(*hooks))]
    assert [len(name) for name in names] == [63, 63]
    assert names[0] != names[1]


def test_the_destinations_namespace_is_made_without_marks() -> None:
    labels = {"managedNamespaceMetadata": {"labels": {"team": "shop"}}, "syncOptions": ["CreateNamespace=true"]}
    found = sent(a_body(), spec={"syncPolicy": labels})
    made = found.manifests[-1]
    assert made.body == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"team": "shop"}},
    }
    assert found.namespaces_made == {"shop"}


def test_a_namespace_that_is_rendered_is_not_made_besides() -> None:
    found = sent(a_body("Namespace", "shop"), spec={"syncPolicy": {"syncOptions": ["CreateNamespace=true"]}})
    assert ids(found) == [ObjectId("", "Namespace", "", "shop")]
    assert TRACKING_ID in found.manifests[0].annotations


def test_a_selection_keeps_what_it_names() -> None:
    found = sent(a_body("ConfigMap", "a"), a_body("ConfigMap", "b"))
    chosen = found.selected([{"kind": "ConfigMap", "name": "b"}, "junk"])
    assert ([manifest.id.name for manifest in chosen.manifests], chosen.partial) == (["b"], True)
    assert found.selected(None) is found.selected([]) is found
    with pytest.raises(InvalidSpecError, match="names no object"):
        found.selected([{"kind": "ConfigMap", "name": "b", "namespace": "elsewhere"}])


def test_labels_of_another_shape_name_the_object() -> None:
    with pytest.raises(InvalidSpecError, match=r"ConfigMap shop/web\.metadata\.labels must be a mapping"):
        sent(a_body(metadata={"labels": ["a"]}))


def test_roles_are_told_since_a_dry_run_may_need_them() -> None:
    assert sent(a_body("Role", apiVersion="rbac.authorization.k8s.io/v1")).grants
    assert not sent(a_body()).grants


def test_warnings_name_the_object() -> None:
    twice = {"env": [{"name": "A"}, {"name": "A"}]}
    found = sent(a_body("Job", spec=twice))
    assert found.warnings == ("batch/Job shop/web: env names A more than once; the last one is used",)
    assert isinstance(found.manifests[0], Manifest)


MADE = {"syncPolicy": {"syncOptions": ["CreateNamespace=true"]}}
LABELS = {"syncPolicy": {**MADE["syncPolicy"], "managedNamespaceMetadata": {"labels": {"team": "shop"}}}}


def test_a_namespace_that_a_cluster_secret_names_is_there_and_not_made() -> None:
    found = sent(a_body(), scope=Scope(("shop",), cluster_resources=False), spec=MADE)
    assert (ids(found), found.warnings, found.namespaces_made) == ([an_id()], (), frozenset())
    assert sent(a_body(), scope=Scope(("shop",)), spec=MADE).namespaces_made == {"shop"}
    assert sent(a_body(), scope=Scope(("other",), cluster_resources=False), spec=MADE).namespaces_made == {"shop"}


def test_metadata_for_a_namespace_that_may_not_be_changed_is_a_warning() -> None:
    (said,) = sent(a_body(), scope=Scope(("shop",), cluster_resources=False), spec=LABELS).warnings
    assert said.startswith("managedNamespaceMetadata: its Secret limits cluster https://kubernetes.default.svc to ")
