"""Impersonation: an application is synced with the rights of the account that its project names, and with no others."""

from typing import Any

import pytest

from tests.e2e.harness import Flow
from tests.e2e.objects import config_map, docs, text

SYNCED = ("Synced", "Healthy", "Succeeded")
FINALIZER = "resources-finalizer.argocd.argoproj.io"
RBAC = "rbac.authorization.k8s.io"


async def the_account(flow: Flow, *resources: str, name: str = "deployer") -> None:
    """One that may do everything with these resources of the core group, in the namespace of the test."""
    await flow.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    rule = {"apiGroups": [""], "resources": [*resources], "verbs": ["*"]}
    await flow.create({"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": name}, "rules": [rule]})
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": flow.namespace}]
    reference = {"apiGroup": RBAC, "kind": "Role", "name": name}
    binding = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": name}}
    await flow.create(binding | {"subjects": subjects, "roleRef": reference})


async def the_project(flow: Flow, account: str = "deployer", **entry: str) -> str:
    """One that names the account for everything."""
    anywhere: dict[str, Any] = {"server": "*", "namespace": "*", "defaultServiceAccount": account}
    return await flow.project(destinationServiceAccounts=[anywhere | entry])


async def test_it_deploys_heals_prunes_and_deletes_with_the_rights_of_the_account(flow: Flow) -> None:
    flow.with_settings(impersonation=True)
    await the_account(flow, "configmaps")
    flow.repo.push({"app/web.yaml": config_map("web"), "app/old.yaml": config_map("old")})
    await flow.deploy(project=await the_project(flow), finalizers=(FINALIZER,))
    assert await flow.words() == SYNCED
    await flow.patch("ConfigMap", "web", {"data": {"colour": "red"}})
    await flow.push({"app/old.yaml": None})
    await flow.settle()
    assert await flow.words() == SYNCED
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "blue"}
    assert await flow.get("ConfigMap", "old") is None

    await flow.delete("Application", flow.name("app"))
    await flow.until_marked(flow.name("app"))
    await flow.settle()
    await flow.gone("Application", flow.name("app"))
    assert await flow.get("ConfigMap", "web") is None


async def test_what_the_account_may_not_do_is_refused_before_anything_is_done(flow: Flow) -> None:
    flow.with_settings(impersonation=True)
    await the_account(flow, "configmaps")
    secret = text("v1", "Secret", "web", {"stringData": {"a": "planted"}})
    flow.repo.push({"app/web.yaml": docs(config_map(), secret)})
    await flow.deploy(project=await the_project(flow))
    said = await flow.said()
    assert f'User "system:serviceaccount:{flow.namespace}:deployer" cannot' in said
    assert "planted" not in said
    assert await flow.get("ConfigMap", "web") is None
    assert await flow.get("Secret", "web") is None


async def test_a_deletion_is_done_with_the_rights_of_the_account_as_well(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await the_account(flow, "secrets")
    await flow.deploy(project=await flow.project(), finalizers=(FINALIZER,))
    entry = {"server": "*", "namespace": "*", "defaultServiceAccount": "deployer"}
    await flow.patch("AppProject", f"team-{flow.token}", {"spec": {"destinationServiceAccounts": [entry]}})
    flow.with_settings(impersonation=True)
    await flow.delete("Application", flow.name("app"))
    await flow.until_marked(flow.name("app"))
    await flow.settle()
    assert f'User "system:serviceaccount:{flow.namespace}:deployer" cannot delete' in await flow.said()
    assert await flow.get("ConfigMap", "web") is not None


@pytest.mark.parametrize("switch", ["argocd-cm", "pilothouse-cm"])
async def test_a_config_map_switches_it_on(flow: Flow, switch: str) -> None:
    await the_account(flow, "secrets")
    options = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": switch}}
    data = {"application.sync.impersonation.enabled": "true"}
    await flow.create(options | {"data": data}, namespace=flow.ground.home)
    try:
        flow.repo.push({"app/web.yaml": config_map()})
        await flow.deploy(project=await the_project(flow))
        assert f'User "system:serviceaccount:{flow.namespace}:deployer" cannot' in await flow.said()
        assert await flow.get("ConfigMap", "web") is None
    finally:
        await flow.delete("ConfigMap", switch, flow.ground.home)


async def test_an_application_for_which_no_account_is_named_is_not_synced(flow: Flow) -> None:
    flow.with_settings(impersonation=True)
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(project=await the_project(flow, namespace="till"))
    said = "spec.destinationServiceAccounts names no service account for server https://kubernetes.default.svc"
    assert f"InvalidSpecError: AppProject team-{flow.token}: {said}" in await flow.said()
    assert await flow.get("ConfigMap", "web") is None


async def test_no_account_of_a_namespace_that_the_project_does_not_allow_can_be_had(flow: Flow) -> None:
    """The objects say where they go themselves; the destination only says whose account is taken."""
    flow.with_settings(impersonation=True)
    everywhere = [{"server": "*", "namespace": "*", "defaultServiceAccount": "deployer"}]
    allowed = [{"server": "*", "namespace": flow.namespace}]
    project = await flow.project(destinations=allowed, destinationServiceAccounts=everywhere)
    flow.repo.push({"app/web.yaml": text("v1", "ConfigMap", "web", namespace=flow.namespace)})
    destination = {"server": "https://kubernetes.default.svc", "namespace": "kube-system"}
    await flow.deploy(project=project, destination=destination)
    assert "spec.destinations does not allow namespace kube-system there" in await flow.said()
    assert await flow.get("ConfigMap", "web") is None
