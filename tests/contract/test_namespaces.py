"""Namespaces: their label, what is in them, and how they go."""

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.contract.api import APPS, CORE, Answer, Api, causes
from tests.contract.manifests import config_map, workload


@pytest.fixture
async def fresh(api: Api) -> AsyncIterator[str]:
    """The name of a namespace that isn't there yet."""
    name = f"n-{secrets.token_hex(4)}"
    yield name
    await api("DELETE", f"/api/v1/namespaces/{name}")


def is_gone(answer: Answer) -> bool:
    return answer.status == 404


async def test_a_namespace_is_labelled_with_its_name(api: Api, fresh: str) -> None:
    made = await api.create("/api/v1/namespaces", {"metadata": {"name": fresh, "labels": {"a": "b"}}})
    assert made["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": fresh}
    assert (made["spec"], made["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})


async def test_a_namespace_can_be_applied(api: Api, fresh: str) -> None:
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": fresh, "labels": {"a": "b"}}}
    made = await api.apply(f"/api/v1/namespaces/{fresh}", manifest)
    assert made.status == 201
    again = await api.apply(f"/api/v1/namespaces/{fresh}", manifest)
    assert again.body["metadata"]["resourceVersion"] == made.body["metadata"]["resourceVersion"]


async def test_each_namespace_gets_an_account_and_the_clusters_certificate(api: Api) -> None:
    await api.until(api.path(CORE, "serviceaccounts", "default"), lambda answer: answer.status == 200)
    await api.until(api.path(CORE, "configmaps", "kube-root-ca.crt"), lambda answer: answer.status == 200)


async def test_nothing_can_be_made_in_a_missing_namespace(api: Api) -> None:
    answer = await api("POST", "/api/v1/namespaces/no-such-namespace/configmaps", config_map())
    assert (answer.status, answer.body["message"]) == (404, 'namespaces "no-such-namespace" not found')
    assert answer.body["details"] == {"name": "no-such-namespace", "kind": "namespaces"}


async def test_a_namespace_takes_its_content_along(api: Api, fresh: str) -> None:
    path = f"/api/v1/namespaces/{fresh}"
    await api.create("/api/v1/namespaces", {"metadata": {"name": fresh}})
    await api.create(f"{path}/configmaps", config_map())
    await api.create(f"{APPS}/namespaces/{fresh}/deployments", workload())
    answer = await api("DELETE", path)
    assert (answer.status, answer.body["status"]["phase"]) == (200, "Terminating")
    assert answer.body["metadata"]["deletionTimestamp"]
    await api.until(path, is_gone)
    assert (await api("GET", f"{path}/configmaps/a")).status == 404
    assert (await api.get(f"{APPS}/namespaces/{fresh}/deployments"))["items"] == []


async def test_a_held_back_object_holds_its_namespace_back(api: Api, fresh: str) -> None:
    path = f"/api/v1/namespaces/{fresh}"
    await api.create("/api/v1/namespaces", {"metadata": {"name": fresh}})
    await api.create(f"{path}/configmaps", config_map(finalizers=["x.dev/hold"]))
    await api("DELETE", path)
    await api.until(f"{path}/configmaps/a", lambda answer: "deletionTimestamp" in answer.body["metadata"])
    refused = await api("POST", f"{path}/configmaps", config_map("b"))
    assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
    assert causes(refused) == {("metadata.namespace", "NamespaceTerminating")}
    applied = await api.apply(f"{path}/configmaps/b", config_map("b"))
    assert applied.status == 403
    await api.patch(f"{path}/configmaps/a", {"metadata": {"finalizers": None}})
    await api.until(path, is_gone)


async def test_the_clusters_own_namespaces_stay(api: Api) -> None:
    answer = await api("DELETE", "/api/v1/namespaces/default")
    assert answer.status == 403
    assert "this namespace may not be deleted" in answer.body["message"]
