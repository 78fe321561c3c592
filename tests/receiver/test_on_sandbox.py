"""The receiver under an account of its own on a cluster with RBAC: tokens, roles and Applications are real objects."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
import yaml
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer

from deploy.sandbox import Sandbox
from deploy.sandbox.state import User
from receiver.app import build_app
from receiver.settings import ReceiverSettings
from tests.receiver.conftest import Client
from tests.valkey import Valkey, until

LIST = "/api/v1/applications"
ARGO = "/apis/argoproj.io/v1alpha1/namespaces/pilothouse/applications"
CRD = Path(__file__).parents[2] / "deploy" / "chart" / "crds" / "applications.yaml"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass
class Cluster:
    """A sandbox, and the receiver that serves it."""

    sandbox: Sandbox
    client: Client

    async def create(self, path: str, body: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self.sandbox.admin_token}"}
        async with (
            ClientSession() as session,
            session.post(self.sandbox.url + path, json=body, headers=headers) as answer,
        ):
            assert answer.status == 201, await answer.text()

    async def serves_applications(self) -> bool:
        headers = {"Authorization": f"Bearer {self.sandbox.admin_token}"}
        async with ClientSession() as session, session.get(self.sandbox.url + ARGO, headers=headers) as answer:
            return answer.status == 200

    async def application(self, name: str, **labels: str) -> None:
        metadata = {"name": name, "labels": labels}
        kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
        await self.create(ARGO, {**kind, "metadata": metadata, "spec": SPEC})

    async def call(self, method: str, path: str, token: str, **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.client.request(method, path, headers=headers, **more) as answer:
            return answer.status, await answer.json(content_type=None)

    async def allow(self, name: str, subject: dict[str, str], rules: list[dict[str, Any]]) -> None:
        await self.create(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        await self.create(
            f"{RBAC}/clusterrolebindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        )


def user(name: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}


def rule(group: str, resource: str, *verbs: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}


RECEIVER = [
    rule("argoproj.io", "applications", "get", "list", "watch", "patch"),
    rule("authentication.k8s.io", "tokenreviews", "create"),
    rule("authorization.k8s.io", "subjectaccessreviews", "create"),
    rule("", "secrets", "get"),
]
SPEC = {
    "project": "default",
    "source": {"repoURL": "https://git.example.com/acme/deploy.git", "path": "shop"},
    "destination": {"namespace": "prod", "name": "in-cluster"},
}


@pytest_asyncio.fixture
async def cluster(valkey: Valkey, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Sandbox.serve() as sandbox:
        sandbox.add_token("receivers", User("receiver", "r", ("system:authenticated",)))
        kubeconfig = sandbox.kubeconfig(tmp_path / "kubeconfig", "receivers")
        given: dict[str, Any] = {"KUBECONFIG": str(kubeconfig), "redis_url": valkey.url}
        async with TestClient(TestServer(await build_app(ReceiverSettings(**given)))) as client:
            found = Cluster(sandbox, client)
            await found.create("/api/v1/namespaces", {"metadata": {"name": "pilothouse"}})
            crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            await found.create(crds, yaml.safe_load(CRD.read_text()))
            await found.allow("receiver", user("receiver"), RECEIVER)
            await until(found.serves_applications)
            await found.application("shop")
            yield found


async def test_roles_decide_who_may_list_get_and_sync(cluster: Cluster) -> None:
    cluster.sandbox.add_token("ada", User("ada", "a", ("dev",)), ("pilothouse",))
    assert (await cluster.call("GET", LIST, "ada"))[0] == 403
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "dev"}
    await cluster.allow("viewers", group, [rule("argoproj.io", "applications", "get", "list")])
    cluster.sandbox.add_token("bob", User("bob", "b", ("dev",)))
    status, page = await cluster.call("GET", LIST, "bob")
    assert (status, [item["metadata"]["name"] for item in page["items"]]) == (200, ["shop"])
    assert (await cluster.call("POST", f"{LIST}/shop/sync", "bob"))[0] == 403
    await cluster.allow("syncers", user("bob"), [rule("argoproj.io", "applications", "sync")])
    cluster.sandbox.add_token("bob-again", User("bob", "b2", ("dev",)))
    status, answer = await cluster.call("POST", f"{LIST}/shop/sync", "bob-again", json={"prune": True})
    assert (status, answer["operation"]["initiatedBy"]) == (202, {"username": "bob"})
    _, shown = await cluster.call("GET", f"{LIST}/shop", "bob")
    assert shown["operation"]["sync"] == {"prune": True}
    assert (await cluster.call("POST", f"{LIST}/shop/sync", "bob-again"))[0] == 409


async def test_a_refresh_is_written_on_the_application(cluster: Cluster) -> None:
    status, shown = await cluster.call("GET", f"{LIST}/shop?refresh=hard", cluster.sandbox.admin_token)
    assert (status, shown["metadata"]["annotations"]) == (200, {"argocd.argoproj.io/refresh": "hard"})


async def test_a_token_for_another_audience_or_of_nobody_is_refused(cluster: Cluster) -> None:
    cluster.sandbox.add_token("vaults", User("ada", "a", ("system:masters",)), ("vault",))
    for token in ("vaults", "nobody"):
        assert (await cluster.call("GET", LIST, token))[0] == 401


async def test_a_token_of_our_own_audience_is_worthless_at_the_api_server(cluster: Cluster) -> None:
    cluster.sandbox.add_token("ci", User("ci", "c", ("system:masters",)), ("pilothouse",))
    assert (await cluster.call("GET", LIST, "ci"))[0] == 200
    async with (
        ClientSession(headers={"Authorization": "Bearer ci"}) as session,
        session.get(cluster.sandbox.url + ARGO) as answer,
    ):
        assert answer.status == 401


async def test_pages_of_a_real_list_hold_each_application_once(cluster: Cluster) -> None:
    for number in range(7):
        await cluster.application(f"a{number}", team="web")
    found: list[str] = []
    token = ""
    while True:
        query = f"limit=3&selector=team%3Dweb&continue={token}"
        _, page = await cluster.call("GET", f"{LIST}?{query}", cluster.sandbox.admin_token)
        found += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"]["continue"]
        if not token:
            break
    assert found == [f"a{number}" for number in range(7)]
    status, _ = await cluster.call("GET", f"{LIST}?selector=!!", cluster.sandbox.admin_token)
    assert status == 400
