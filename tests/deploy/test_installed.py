"""The chart in a real cluster, at work: its own accounts, settings and Secrets must be enough, and be all there is."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.coordinates import Coordinates
from tests.controlplane.request import KubeRequest
from tests.deploy.cluster import allowed_at_last, apply
from tests.deploy.installed import APPLICATION, SEEN_S, SHOP, Installed
from tests.deploy.rendering import Values

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crds_installed", "controllers")]

EVERYTHING = ["get", "list", "watch", "create", "patch", "delete"]
RULES = [
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": EVERYTHING},
    {"apiGroups": [""], "resources": ["services"], "verbs": EVERYTHING},
]
ADMIN: Values = {}
LEAST: Values = {"worker": {"clusterAdmin": False, "rules": RULES}}
NOTHING: Values = {"worker": {"clusterAdmin": False}}
RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture
def values() -> Values:
    """What the chart is installed with."""
    return ADMIN


@pytest.fixture
async def installed(
    kube_request: KubeRequest, control_plane: Coordinates, namespace: str, tmp_path: Path, values: Values
) -> AsyncIterator[Installed]:
    """A Pilothouse at work, installed by the chart."""
    async with Installed.up(kube_request, control_plane, namespace, tmp_path, values) as made:
        yield made


@pytest.fixture
async def target(kube_request: KubeRequest, namespace: str) -> AsyncIterator[str]:
    """A namespace to deploy to, where nobody has rights yet."""
    name = f"{namespace[-20:].strip('-')}-shop"
    assert (await kube_request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})).status == 201
    yield name
    await kube_request("DELETE", f"/api/v1/namespaces/{name}")


async def until_image(kube: KubeRequest, target: str, tag: str) -> None:
    """Wait until the Deployment runs a tag of the cart's image."""

    def runs(answer: Any) -> bool:
        if answer.status != 200:
            return False
        image: str = answer.body["spec"]["template"]["spec"]["containers"][0]["image"]
        return image == f"registry.example.com/cart:{tag}"

    await kube.until(f"/apis/apps/v1/namespaces/{target}/deployments/cart", runs, SEEN_S)


async def until_gone(kube: KubeRequest, path: str) -> None:
    """Wait until an object is not there."""
    await kube.until(path, lambda answer: answer.status == 404, SEEN_S)


def nothing_was_forbidden(installed: Installed) -> None:
    """Neither process was refused anything by the API server, as far as it says."""
    for part in installed.children:
        log = installed.log(part).read_text()
        refused = [line for line in log.splitlines() if re.search(r"forbidden|\b403\b", line, re.I)]
        assert not refused, refused


async def a_life(installed: Installed, target: str) -> None:
    """Everything an Application goes through: deploy, push, drift, prune, deletion."""
    kube = installed.kube
    await installed.push(SHOP)
    await installed.create(installed.application("cart", target))
    await installed.until_status("cart", "Synced", phase="Succeeded")
    revision = await installed.push({"cart/values.yaml": "tag: v2\n"})
    await until_image(kube, target, "v2")
    await installed.until_status("cart", "Synced", revision=revision, phase="Succeeded")

    path = f"/apis/apps/v1/namespaces/{target}/deployments/cart"
    assert (await kube("PATCH", path, {"spec": {"replicas": 3}})).status == 200
    token = await caller(kube, installed.home, "people", ["get", "list", "sync"])
    status, _ = await installed.api("GET", "applications/cart?refresh=normal", token)
    assert status == 200
    await kube.until(path, lambda answer: answer.body["spec"]["replicas"] == 1, SEEN_S)

    revision = await installed.push({"cart/templates/service.yaml": None})
    await until_gone(kube, f"/api/v1/namespaces/{target}/services/cart")
    await installed.until_status("cart", "Synced", revision=revision, phase="Succeeded")
    await installed.deleted("cart")
    await until_gone(kube, path)


async def reasons(installed: Installed) -> set[str]:
    """Why there are Events in the home namespace about an Application."""
    _, body = await installed.kube("GET", f"/api/v1/namespaces/{installed.home}/events")
    return {item["reason"] for item in body["items"] if item["involvedObject"]["kind"] == "Application"}


async def caller(kube: KubeRequest, home: str, name: str, verbs: list[str], applications: tuple[str, ...] = ()) -> str:
    """A token for Pilothouse's audience of an account that has these verbs, on some Applications or on all."""
    account = {"kind": "ServiceAccount", "name": name, "namespace": home}
    rule = {"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": verbs}
    if applications:
        rule["resourceNames"] = list(applications)
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    metadata = {"name": name, "namespace": home}
    for body in (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": [rule]},
        {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": metadata, "roleRef": role, "subjects": [account]},
    ):
        answer = await apply(kube, body)
        assert answer.status in (200, 201), answer
    user = f"system:serviceaccount:{home}:{name}"
    await allowed_at_last(kube, user, verbs[0], APPLICATION, namespace=home, name=(*applications, "any")[0])
    return await kube.account_token(home, name, ["pilothouse"])


async def test_the_installed_accounts_suffice_for_the_whole_life_of_an_application(
    installed: Installed, target: str
) -> None:
    await a_life(installed, target)
    assert {"OperationStarted", "OperationCompleted", "DriftHealed"} <= await reasons(installed)
    nothing_was_forbidden(installed)


@pytest.mark.parametrize("values", [LEAST])
async def test_a_worker_without_cluster_admin_does_as_much_with_rules_for_its_kinds(
    installed: Installed, target: str
) -> None:
    await a_life(installed, target)
    assert {"OperationStarted", "OperationCompleted", "DriftHealed"} <= await reasons(installed)
    nothing_was_forbidden(installed)


@pytest.mark.parametrize("values", [LEAST])
async def test_a_kind_that_the_rules_do_not_name_is_refused_before_anything_is_changed(
    installed: Installed, target: str
) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: cart}\n"
    await installed.push({**SHOP, "cart/templates/secret.yaml": secret})
    await installed.create(installed.application("cart", target))
    status = await installed.until_status("cart", "OutOfSync")
    said = [item["message"] for item in status["conditions"] if item["type"] == "SyncError"]
    assert said
    assert "forbidden" in said[0]
    assert "secrets" in said[0]
    path = f"/apis/apps/v1/namespaces/{target}/deployments/cart"
    assert (await installed.kube("GET", path)).status == 404


@pytest.mark.parametrize("values", [NOTHING])
async def test_with_rights_in_one_namespace_only_it_deploys_there_and_says_that_it_cannot_prune(
    installed: Installed, target: str
) -> None:
    await rights_in(installed, target)
    await installed.push(SHOP)
    await installed.create(installed.application("cart", target))
    await installed.until_status("cart", "Synced", phase="Succeeded")
    revision = await installed.push({"cart/values.yaml": "tag: v2\n", "cart/templates/service.yaml": None})
    await until_image(installed.kube, target, "v2")
    status = await installed.until_status("cart", "Synced", revision=revision, phase="Succeeded")
    assert (await installed.kube("GET", f"/api/v1/namespaces/{target}/services/cart")).status == 200
    said = [item["message"] for item in status["conditions"] if item["type"] == "SyncWarning"]
    assert len(said) == 1
    assert said[0].startswith("nothing is pruned while not everything can be listed: Service: ")
    assert "services is forbidden" in said[0]
    assert "deployments.apps is forbidden" in said[0]

    await installed.kube("DELETE", installed.path("cart"))
    await installed.kube.until(installed.path("cart"), cannot_be_listed, SEEN_S)
    await installed.kube("PATCH", installed.path("cart"), {"metadata": {"finalizers": None}})


@pytest.mark.parametrize("values", [NOTHING])
async def test_with_rights_in_one_namespace_that_a_cluster_secret_names_it_does_as_much_there(
    installed: Installed, target: str
) -> None:
    await rights_in(installed, target)
    labels = {"argocd.argoproj.io/secret-type": "cluster"}
    metadata = {"name": "here", "namespace": installed.home, "labels": labels}
    data = {"name": "in-cluster", "server": "https://kubernetes.default.svc", "namespaces": target}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
    assert (await apply(installed.kube, body)).status == 201
    await a_life(installed, target)
    nothing_was_forbidden(installed)


async def rights_in(installed: Installed, target: str) -> None:
    """The worker may do with some kinds what it wants, in this namespace only."""
    account = {"kind": "ServiceAccount", "name": "pilothouse-worker", "namespace": installed.home}
    metadata = {"name": "deployer", "namespace": target}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"}
    await apply(installed.kube, {"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": RULES})
    binding = {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": metadata, "roleRef": role}
    await apply(installed.kube, {**binding, "subjects": [account]})
    user = f"system:serviceaccount:{installed.home}:pilothouse-worker"
    await allowed_at_last(installed.kube, user, "patch", "services", namespace=target)


def cannot_be_listed(answer: Any) -> bool:
    """Whether an Application that is being deleted says why it does not go."""
    said = [item["message"] for item in answer.body["status"].get("conditions", [])]
    return any(words.startswith("not everything that is to be deleted can be listed") for words in said)


async def test_the_api_admits_whom_rbac_admits(installed: Installed, target: str) -> None:
    kube, home = installed.kube, installed.home
    await installed.push(SHOP)
    await installed.create(installed.application("cart", target))
    await installed.create(installed.application("other", target))
    may = await caller(kube, home, "reader", ["list", "get"])
    may_not = await kube.account_token(home, "default", ["pilothouse"])

    status, body = await installed.api("GET", "applications", may)
    assert (status, {item["metadata"]["name"] for item in body["items"]}) == (200, {"cart", "other"})
    status, body = await installed.api("GET", "applications", may_not)
    assert (status, "may not list" in body["detail"]) == (403, True)
    assert [(await installed.api("GET", "applications", token))[0] for token in ("", "made-up")] == [401, 401]
    assert (await installed.api("POST", "applications/cart/sync", may, {}))[0] == 403
    assert (await installed.api("GET", "applications/cart", installed.plane.tokens["alice"]))[0] == 403


async def test_a_token_for_ci_syncs_one_application_and_no_other(installed: Installed, target: str) -> None:
    await installed.push(SHOP)
    for name in ("cart", "other"):
        by_hand = {"syncPolicy": {}}
        await installed.create(installed.application(name, target, **by_hand))
        await installed.until_status(name, "OutOfSync")
    token = await caller(installed.kube, installed.home, "ci-cart", ["sync"], ("cart",))

    status, body = await installed.api("POST", "applications/other/sync", token, {})
    assert (status, "may not sync" in body["detail"]) == (403, True)
    status, body = await installed.api("POST", "applications/cart/sync?wait=60s", token, {})
    assert (status, body["operationState"]["phase"]) == (200, "Succeeded"), body
    who = body["operationState"]["operation"]["initiatedBy"]["username"]
    assert who == f"system:serviceaccount:{installed.home}:ci-cart"
    await until_image(installed.kube, target, "v1")
    assert (await installed.kube("GET", "/api", token=token)).status == 401
    nothing_was_forbidden(installed)


async def test_a_webhook_that_nobody_signed_changes_nothing(installed: Installed) -> None:
    await installed.push(SHOP)
    delivery = installed.hook.deliveries[-1]
    assert (await installed.hook.send(delivery.update, secret="guessed")).status == 401


async def test_the_receivers_account_reads_no_workload_and_no_other_secret(installed: Installed, target: str) -> None:
    token = await installed.token("receiver")
    home = installed.home
    paths = {
        f"/apis/apps/v1/namespaces/{home}/deployments": 403,
        f"/apis/apps/v1/namespaces/{target}/deployments": 403,
        f"/api/v1/namespaces/{home}/pods": 403,
        f"/api/v1/namespaces/{home}/secrets": 403,
        f"/api/v1/namespaces/{home}/secrets/repo": 403,
        f"/api/v1/namespaces/{home}/secrets/pilothouse-secret": 200,
        f"/api/v1/namespaces/{target}/secrets/pilothouse-secret": 403,
        f"/api/v1/namespaces/{home}/configmaps": 403,
        f"/apis/argoproj.io/v1alpha1/namespaces/{home}/applications": 200,
        f"/apis/argoproj.io/v1alpha1/namespaces/{target}/applications": 403,
    }
    assert {path: (await installed.kube("GET", path, token=token)).status for path in paths} == paths
