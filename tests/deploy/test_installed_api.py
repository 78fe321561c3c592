"""An Application's whole life over the HTTP API alone: receiver and worker as the chart installs them, real tokens."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.controlplane.request import KubeRequest
from tests.deploy.installed import SHOP, Installed
from tests.deploy.test_installed import (
    LEAST,
    caller,
    installed,
    nothing_was_forbidden,
    target,
    until_gone,
    until_image,
    values,
)

__all__ = ["installed", "target", "values"]

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crds_installed", "controllers")]
WRITES = ["create", "get", "list", "update", "patch", "delete"]


async def editor(kube: KubeRequest, home: str) -> str:
    """A token that the API server accepts, too, of an account that may write Applications."""
    await caller(kube, home, "editor", WRITES)
    return await kube.account_token(home, "editor")


@dataclass
class Person:
    """Somebody who uses the API."""

    installed: Installed
    token: str

    async def ask(self, method: str, path: str, expected: int, body: Any = None) -> Any:
        """A request that must be answered with this status."""
        status, answer = await self.installed.api(method, path, self.token, body)
        assert status == expected, answer
        return answer

    async def change(self, name: str, **spec: Any) -> Any:
        """Read, change, write; once more when the worker wrote a status in between. What was sent."""
        for _ in range(5):
            body = await self.ask("GET", f"applications/{name}", 200)
            body["spec"] |= spec
            status, answer = await self.installed.api("PUT", f"applications/{name}", self.token, body)
            if status == 200:
                return body
            assert status == 409, answer
        raise AssertionError(answer)


async def test_an_application_lives_and_dies_by_the_api(installed: Installed, target: str) -> None:
    ada = Person(installed, await editor(installed.kube, installed.home))
    await installed.push(SHOP)
    await ada.ask("POST", "applications", 201, installed.application("cart", target, syncPolicy={}))
    await ada.ask("POST", "applications/cart/sync?wait=60s", 200)
    await until_image(installed.kube, target, "v1")
    await installed.push({"cart/values.yaml": "tag: v2\n"})
    await ada.ask("POST", "applications/cart/sync?wait=60s", 200)
    await until_image(installed.kube, target, "v2")
    history = (await ada.ask("GET", "applications/cart?fields=status.history", 200))["status"]["history"]
    await ada.ask("POST", "applications/cart/rollback", 202, {"id": history[0]["id"]})
    await until_image(installed.kube, target, "v1")
    sent = await ada.change("cart", syncPolicy={"automated": {"prune": True}})
    await until_image(installed.kube, target, "v2")
    await installed.until_status("cart", "Synced", phase="Succeeded")
    assert "git revert" in (await ada.ask("POST", "applications/cart/rollback", 409, {"id": 0}))["detail"]
    assert (await ada.ask("PUT", "applications/cart", 409, sent))["title"] == "Changed meanwhile"
    await ada.ask("DELETE", "applications/cart", 202)
    await until_gone(installed.kube, installed.path("cart"))
    await until_gone(installed.kube, f"/apis/apps/v1/namespaces/{target}/deployments/cart")
    nothing_was_forbidden(installed)


async def test_what_only_the_worker_may_see_is_shown_by_the_receiver(installed: Installed, target: str) -> None:
    ada = Person(installed, await caller(installed.kube, installed.home, "reader", ["get"]))
    await installed.push(SHOP)
    await installed.create(installed.application("cart", target))
    await installed.until_status("cart", "Synced", phase="Succeeded")
    manifests = (await ada.ask("GET", "applications/cart/manifests", 200))["manifests"]
    assert sum('"kind":"Deployment"' in text for text in manifests) == 1
    tree = await ada.ask("GET", "applications/cart/resource-tree", 200)
    assert tree["warnings"] == []
    assert {node["kind"] for node in tree["nodes"]} == {"Deployment", "ReplicaSet", "Pod", "Service"}
    events = await ada.ask("GET", "applications/cart/events", 200)
    assert {"OperationStarted", "OperationCompleted"} <= {item["reason"] for item in events["items"]}
    nothing_was_forbidden(installed)


@pytest.mark.parametrize("values", [LEAST])
async def test_a_worker_that_may_not_list_pods_shows_what_it_may_and_says_so(installed: Installed, target: str) -> None:
    token = await editor(installed.kube, installed.home)
    await installed.push(SHOP)
    await installed.create(installed.application("cart", target))
    await installed.until_status("cart", "Synced", phase="Succeeded")
    status, tree = await installed.api("GET", "applications/cart/resource-tree", token)
    assert (status, {node["kind"] for node in tree["nodes"]}) == (200, {"Deployment", "Service"})
    assert any(said.startswith("Pod in namespace") for said in tree["warnings"])


async def test_what_the_policy_keeps_from_the_receiver_is_written_with_the_callers_token(
    installed: Installed, target: str
) -> None:
    """The same request, by the receiver's own account and by a caller who may."""
    await installed.push(SHOP)
    await installed.create(installed.application("cart", target, syncPolicy={}))
    own = await installed.token("receiver")
    live = (await installed.kube("GET", installed.path("cart"))).body
    changed = {**live, "spec": {**live["spec"], "project": "default", "revisionHistoryLimit": 3}}
    assert (await installed.kube("PUT", installed.path("cart"), changed, token=own)).status == 403
    token = await editor(installed.kube, installed.home)
    fresh = (await installed.api("GET", "applications/cart", token))[1]
    fresh["spec"]["revisionHistoryLimit"] = 3
    status, answer = await installed.api("PUT", "applications/cart", token, fresh)
    assert (status, answer["spec"]["revisionHistoryLimit"]) == (200, 3), answer
