"""Clusters of Argo CD style cluster Secrets: here it is always the same API server, by another name and account."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jobs.core.deletion import CASCADE
from tests.e2e.harness import Flow, automated
from tests.e2e.objects import config_map, docs, text
from tests.e2e.test_deletion import delete

SYNCED = ("Synced", "Healthy", "Succeeded")
FINALIZER = "resources-finalizer.argocd.argoproj.io"
RBAC = "rbac.authorization.k8s.io"


@pytest_asyncio.fixture(loop_scope="session")
async def edge_flow(flow: Flow) -> AsyncIterator[Flow]:
    """A flow whose cluster Secret is taken away at its end: others look for theirs among all."""
    yield flow
    for name in (f"cluster-{flow.token}", f"home-{flow.token}"):
        if await flow.get("Secret", name, flow.ground.home):
            await flow.delete("Secret", name, flow.ground.home)


async def add_cluster(flow: Flow, token: str = "", annotations: dict[str, str] | None = None, **data: str) -> None:
    """A cluster Secret for this API server, with this token, or with the administrator's."""
    where = flow.ground.kube.coordinates
    tls = {"caData": base64.b64encode(Path(where.ca_file).read_bytes()).decode()} if where.ca_file else {}
    config = {"bearerToken": token or where.admin_token, "tlsClientConfig": tls}
    given = {"name": f"edge-{flow.token}", "server": where.url, "config": json.dumps(config)} | data
    await flow.create(secret(f"cluster-{flow.token}", given, annotations), namespace=flow.ground.home)


def secret(name: str, data: dict[str, str], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    labels = {"argocd.argoproj.io/secret-type": "cluster"}
    metadata = {"name": name, "labels": labels, "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def there(flow: Flow, **over: str) -> dict[str, str]:
    """The destination by the cluster's name."""
    return {"name": f"edge-{flow.token}", "namespace": flow.namespace} | over


async def an_account(flow: Flow, name: str = "deployer") -> str:
    """The token of an account that may do everything with ConfigMaps of one namespace, and nothing else anywhere."""
    await flow.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}
    role = {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": name}, "rules": [rule]}
    await flow.create(role)
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": flow.namespace}]
    reference = {"apiGroup": RBAC, "kind": "Role", "name": name}
    binding = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": {"name": name}}
    await flow.create(binding | {"subjects": subjects, "roleRef": reference})
    return await flow.ground.kube.account_token(flow.namespace, name)


@pytest.mark.parametrize("by", ["name", "server"])
async def test_a_cluster_of_a_secret_is_deployed_to(edge_flow: Flow, by: str) -> None:
    flow = edge_flow
    await add_cluster(flow)
    flow.repo.push({"app/web.yaml": config_map()})
    named = {"name": f"edge-{flow.token}"} if by == "name" else {"server": flow.ground.kube.coordinates.url}
    await flow.deploy(destination=named | {"namespace": flow.namespace})
    assert await flow.words() == SYNCED
    assert await flow.get("ConfigMap", "web") is not None


async def test_a_cluster_that_takes_no_credentials_is_told_without_them(edge_flow: Flow) -> None:
    flow = edge_flow
    await add_cluster(flow, "planted-token")
    flow.repo.push({"app/web.yaml": config_map(), "good/web.yaml": config_map("good")})
    await flow.create_application("bad", destination=there(flow))
    await flow.create_application("good", path="good")
    await flow.settle()
    said = await flow.said("bad")
    assert "ComparisonError: " in said
    assert "planted-token" not in f"{said}{await flow.events('bad')}"
    assert await flow.get("ConfigMap", "web") is None
    assert await flow.words("good") == SYNCED


async def test_an_account_of_one_namespace_deploys_prunes_and_deletes_there(edge_flow: Flow) -> None:
    """It may not list anything in the whole cluster, and is not asked to."""
    flow = edge_flow
    await add_cluster(flow, await an_account(flow), namespaces=f"{flow.namespace}")
    flow.repo.push({"app/web.yaml": config_map("web"), "app/old.yaml": config_map("old")})
    policy = automated("CreateNamespace=true")
    await flow.deploy(destination=there(flow), finalizers=(FINALIZER,), syncPolicy=policy)
    assert await flow.words() == SYNCED
    assert await flow.said() == ""

    await flow.push({"app/old.yaml": None})
    await flow.settle()
    assert await flow.words() == SYNCED
    assert await flow.get("ConfigMap", "old") is None

    await flow.delete("Application", flow.name("app"))
    await flow.until_marked(flow.name("app"))
    await flow.settle()
    await flow.gone("Application", flow.name("app"))
    assert await flow.get("ConfigMap", "web") is None


async def test_without_its_namespaces_such_an_account_prunes_nothing_and_says_so(edge_flow: Flow) -> None:
    flow = edge_flow
    await add_cluster(flow, await an_account(flow))
    flow.repo.push({"app/web.yaml": config_map("web"), "app/old.yaml": config_map("old")})
    await flow.deploy(destination=there(flow))
    await flow.push({"app/old.yaml": None})
    await flow.settle()
    assert "nothing is pruned while not everything can be listed: ConfigMap: " in await flow.said()
    assert await flow.get("ConfigMap", "old") is not None


async def test_what_is_outside_of_a_clusters_namespaces_is_refused(edge_flow: Flow) -> None:
    flow = edge_flow
    await add_cluster(flow, namespaces=f"{flow.namespace}, till")
    role = text(f"{RBAC}/v1", "ClusterRole", f"role-{flow.token}", {"rules": []})
    elsewhere = text("v1", "ConfigMap", "elsewhere", namespace="default")
    flow.repo.push({"app/web.yaml": docs(config_map(), role, elsewhere)})
    await flow.deploy(destination=there(flow))
    said = await flow.said()
    limits = f"its Secret limits cluster edge-{flow.token} to the namespaces {flow.namespace}, till"
    assert f"ConfigMap default/elsewhere: {limits}; add default there" in said
    assert f"ClusterRole role-{flow.token}: {limits}; set clusterResources to true there" in said
    assert await flow.get("ConfigMap", "web") is None


async def test_with_cluster_resources_cluster_scoped_objects_go_there_and_are_pruned(edge_flow: Flow) -> None:
    flow = edge_flow
    await add_cluster(flow, namespaces=flow.namespace, clusterResources="true")
    role = f"role-{flow.token}"
    flow.leftovers.append(("ClusterRole", role))
    flow.repo.push(
        {"app/web.yaml": config_map(), "app/role.yaml": text(f"{RBAC}/v1", "ClusterRole", role, {"rules": []})}
    )
    await flow.deploy(destination=there(flow))
    assert await flow.words() == SYNCED
    await flow.push({"app/role.yaml": None})
    await flow.settle()
    assert await flow.words() == SYNCED
    assert await flow.get("ClusterRole", role) is None


async def test_a_secret_may_limit_the_home_cluster_to_namespaces(edge_flow: Flow) -> None:
    flow = edge_flow
    limited = {"name": "here", "server": "https://kubernetes.default.svc", "namespaces": "till"}
    await flow.create(secret(f"home-{flow.token}", limited), namespace=flow.ground.home)
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    assert "its Secret limits cluster here to the namespaces till" in await flow.said()
    assert await flow.get("ConfigMap", "web") is None


SKIPPED = {"argocd.argoproj.io/skip-reconcile": "true"}


async def test_a_cluster_may_be_left_alone_until_further_notice(edge_flow: Flow) -> None:
    flow = edge_flow
    await add_cluster(flow, annotations=SKIPPED)
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(destination=there(flow), finalizers=(FINALIZER,))
    assert await flow.status() == {}
    assert await flow.get("ConfigMap", "web") is None

    await let_go(flow)
    await flow.sweep()
    assert await flow.words() == SYNCED

    await flow.patch("Secret", f"cluster-{flow.token}", annotated(SKIPPED), namespace=flow.ground.home)
    await flow.patch("ConfigMap", "web", {"data": {"colour": "red"}})
    await flow.sweep()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}
    await flow.delete("Application", flow.name("app"))
    await flow.until_marked(flow.name("app"))
    await flow.settle()
    assert await flow.get("ConfigMap", "web") is not None, "deletion waits as well"

    await let_go(flow)
    await flow.sweep()
    await flow.gone("Application", flow.name("app"))


async def let_go(flow: Flow) -> None:
    nothing = annotated({"argocd.argoproj.io/skip-reconcile": None})
    await flow.patch("Secret", f"cluster-{flow.token}", nothing, namespace=flow.ground.home)


def annotated(annotations: Mapping[str, str | None]) -> dict[str, Any]:
    return {"metadata": {"annotations": annotations}}


async def test_an_application_whose_cluster_nobody_knows_goes_without_it(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    ladder = (CASCADE, "pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io/cleanup")
    await flow.deploy(destination=there(flow), finalizers=ladder)
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    (said,) = (await flow.events())["DestinationGone"]
    assert f"no cluster is known as edge-{flow.token}" in said
    assert said.endswith("The Application goes without its objects there being deleted")


async def test_a_cluster_that_does_not_answer_holds_a_deletion_until_its_secret_is_gone(edge_flow: Flow) -> None:
    flow = edge_flow
    await add_cluster(flow)
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(destination=there(flow), finalizers=(CASCADE,))
    assert await flow.words() == SYNCED
    nowhere = {"data": {"server": base64.b64encode(b"https://127.0.0.1:9").decode()}}
    await flow.patch("Secret", f"cluster-{flow.token}", nowhere, namespace=flow.ground.home)
    await delete(flow)
    said = await flow.said()
    assert "DeletionError: " in said
    assert f"take its finalizer {CASCADE} away; if the cluster is gone for good, remove its Secret" in said
    await flow.delete("Secret", f"cluster-{flow.token}", namespace=flow.ground.home)
    await flow.sweep()
    await flow.gone("Application", flow.name("app"))
    assert await flow.get("ConfigMap", "web") is not None
