"""AppProject: what is not allowed is refused with the field that forbids it, before anything is changed."""

from typing import Any

import pytest
import yaml

from tests.e2e.harness import Flow
from tests.e2e.objects import config_map, deployment, docs, text

HERE = "https://kubernetes.default.svc"


async def with_project(flow: Flow, **changes: Any) -> None:
    """An application of a project that allows everything but for the changes."""
    name = await flow.project(**changes)
    role = text("rbac.authorization.k8s.io/v1", "ClusterRole", f"role-{flow.token}", {"rules": []})
    flow.leftovers.append(("ClusterRole", f"role-{flow.token}"))
    flow.repo.push({"app/web.yaml": docs(config_map(), role)})
    await flow.deploy(project=name)


async def test_a_project_that_allows_everything_is_in_nobodys_way(flow: Flow) -> None:
    await with_project(flow)
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


FORBIDDING: dict[str, tuple[dict[str, Any], str]] = {
    "another repository": ({"sourceRepos": ["https://git.example.org/*"]}, "spec.sourceRepos does not allow http://"),
    "a denied repository": ({"sourceRepos": ["*", "!http://127.0.0.1:*"]}, "spec.sourceRepos does not allow http://"),
    "another namespace": (
        {"destinations": [{"server": "*", "namespace": "team-*"}]},
        "spec.destinations does not allow namespace e2e-",
    ),
    "another cluster": (
        {"destinations": [{"server": "https://elsewhere.example.org", "namespace": "*"}]},
        "spec.destinations does not allow",
    ),
    "no cluster-scoped kinds": ({"clusterResourceWhitelist": []}, "spec.clusterResourceWhitelist does not list"),
    "a denied kind": (
        {"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]},
        "spec.namespaceResourceBlacklist lists core/ConfigMap",
    ),
    "only other kinds": (
        {"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]},
        "spec.namespaceResourceWhitelist does not list core/ConfigMap",
    ),
    "an unreadable sync window": (
        {"syncWindows": [{"kind": "deny", "schedule": "@weekly", "duration": "1h", "applications": ["till"]}]},
        "spec.syncWindows[0]: the schedule '@weekly' must have five fields",
    ),
    "only clusters of its own": (
        {"permitOnlyProjectScopedClusters": True},
        "spec.permitOnlyProjectScopedClusters does not allow cluster in-cluster",
    ),
    "signatures": ({"signatureKeys": [{"keyID": "4AEE18F83AFDEB23"}]}, "spec.signatureKeys is not supported yet"),
    "other accounts": (
        {"destinationServiceAccounts": [{"server": "*", "namespace": "*", "defaultServiceAccount": "x"}]},
        "spec.destinationServiceAccounts needs impersonation, which is off: set PILOTHOUSE_IMPERSONATION",
    ),
    "signed sources": (
        {"sourceIntegrity": {"git": {"policies": [{"repos": [{"url": "*"}]}]}}},
        "spec.sourceIntegrity is not supported yet",
    ),
}


@pytest.mark.parametrize("case", FORBIDDING)
async def test_what_a_project_forbids_is_refused_and_nothing_is_applied(flow: Flow, case: str) -> None:
    changes, words = FORBIDDING[case]
    await with_project(flow, **changes)
    said = await flow.said()
    assert f"AppProject team-{flow.token}: {words}" in said, said
    assert await flow.get("ConfigMap", "web") is None
    assert await flow.get("ClusterRole", f"role-{flow.token}") is None


async def test_a_project_that_is_not_there_is_an_invalid_spec(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(project="nowhere")
    assert f"InvalidSpecError: spec.project: there is no AppProject nowhere in namespace {flow.ground.home}" in (
        await flow.said()
    )
    assert await flow.get("ConfigMap", "web") is None


async def test_what_a_project_forbids_later_is_not_pruned(flow: Flow) -> None:
    await with_project(flow)
    name = f"team-{flow.token}"
    await flow.patch("AppProject", name, {"spec": {"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]}})
    await flow.sweep()
    assert "spec.namespaceResourceBlacklist lists core/ConfigMap" in str((await flow.app())["status"])
    assert await flow.get("ConfigMap", "web") is not None


async def test_a_project_inherits_from_a_global_one(flow: Flow) -> None:
    base = f"base-{flow.token}"
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": base}}
    await flow.create(body | {"spec": {"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]}})
    selector = {"matchExpressions": [{"key": "opt", "operator": "In", "values": [flow.token]}]}
    entries = yaml.safe_dump([{"projectName": base, "labelSelector": selector}])
    options = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}}
    await flow.create(options | {"data": {"globalProjects": entries}}, namespace=flow.ground.home)
    try:
        await with_project(flow)
        assert await flow.words() == ("Synced", "Healthy", "Succeeded"), "it is for others"
        name = f"team-{flow.token}"
        await flow.patch("AppProject", name, {"metadata": {"labels": {"opt": flow.token}}})
        await flow.sweep()
        said = f"AppProject {name} (with {base}): spec.namespaceResourceBlacklist lists core/ConfigMap"
        assert said in await flow.said()
        await flow.delete("AppProject", base)
        await flow.sweep()
        assert f"globalProjects names AppProject {base}, which is not there" in await flow.said()
    finally:
        await flow.delete("ConfigMap", "argocd-cm", flow.ground.home)


ORPHANS = {"orphanedResources": {"warn": True, "ignore": [{"kind": "ConfigMap", "name": "mine-*"}]}}


async def test_objects_that_belong_to_no_application_are_told_at_the_next_sweep(flow: Flow) -> None:
    for name in ("left", "mine-1"):
        await flow.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
    flow.repo.push({"app/web.yaml": docs(config_map(), deployment()), "other/other.yaml": config_map("other")})
    project = await flow.project(**ORPHANS)
    await flow.create_application("other", path="other")
    await flow.deploy(project=project)
    assert await flow.said() == "", "nobody who waits for a deploy waits for this"
    await flow.sweep()
    warned = f"OrphanedResourceWarning: an object in namespace {flow.namespace} belongs to no Application: "
    assert await flow.said() == f"{warned}ConfigMap {flow.namespace}/left"
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    await flow.push({"app/web.yaml": docs(config_map(colour="red"), deployment())})
    await flow.settle()
    assert warned in await flow.said(), "it stays until the next look"
    assert await flow.said("other") == "", "its project does not ask"

    await flow.delete("ConfigMap", "left")
    await flow.sweep()
    assert await flow.said() == ""


async def test_orphans_are_not_told_unless_the_project_warns(flow: Flow) -> None:
    await flow.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "left"}})
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(project=await flow.project(**ORPHANS))
    await flow.sweep()
    assert "OrphanedResourceWarning" in await flow.said()
    await flow.patch("AppProject", f"team-{flow.token}", {"spec": {"orphanedResources": {"warn": False}}})
    await flow.sweep()
    assert await flow.said() == ""
