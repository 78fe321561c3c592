"""What the chart's accounts may do in a real cluster, and above all what they may not."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.core.cluster_secret import ClusterCredentials
from jobs.kube import Kube
from jobs.webhook_copies import WebhookCopies
from tests.controlplane.coordinates import Coordinates
from tests.controlplane.request import POLL_INTERVAL_S, TIMEOUT_S, Answer, KubeRequest
from tests.deploy.cluster import APPLICATIONS, allowed_at_last, apply, may
from tests.deploy.rendering import CHART

pytestmark = pytest.mark.cluster

JSON_PATCH = "application/json-patch+json"
APPLICATION = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {
        "name": "cart",
        "labels": {"team": "shop"},
        "annotations": {"pilothouse.dev/run": "7", "argocd.argoproj.io/refresh": "normal"},
        "finalizers": ["resources-finalizer.argocd.argoproj.io"],
    },
    "spec": {
        "project": "default",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "source": {"repoURL": "https://git.example.com/shop/charts.git", "path": "cart"},
    },
    "status": {
        "sync": {"status": "Synced"},
        "history": [
            {"id": 1, "deployedAt": "2026-11-02T08:14:31Z", "source": {"repoURL": "https://old.example.com/x"}}
        ],
    },
}


@dataclass
class Receiver:
    """The receiver's account, in front of one Application."""

    kube_request: KubeRequest
    token: str
    path: str

    async def patch(self, body: Any, content_type: str | None = None, **params: str) -> Answer:
        return await self.kube_request(
            "PATCH", self.path, body, token=self.token, content_type=content_type, params=params or None
        )


@pytest.fixture
async def receiver(kube_request: KubeRequest, accounts: str) -> AsyncIterator[Receiver]:
    """The account with the policy in force: the API server takes a while to heed a new one."""
    path = APPLICATIONS.format(accounts)
    status, answer = await kube_request("POST", path, APPLICATION)
    assert status == 201, answer
    token = await kube_request.account_token(accounts, "pilothouse-receiver")
    probe = Receiver(kube_request, token, f"{path}/cart")
    await refused_at_last(probe)
    yield probe
    await kube_request("PATCH", f"{path}/cart", {"metadata": {"finalizers": None}})


async def refused_at_last(probe: Receiver) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while (answer := await probe.patch({"metadata": {"labels": {"probe": "1"}}}, dryRun="All")).status != 403:
        assert answer.status == 200, answer
        assert time.monotonic() < deadline, "the policy is not in force"
        await asyncio.sleep(POLL_INTERVAL_S)


ALLOWED: dict[str, Any] = {
    "a sync": {"operation": {"initiatedBy": {"username": "alice"}, "sync": {"revision": "main", "prune": True}}},
    "a sync without options": {"operation": {"sync": {}}},
    "a sync of the source of the spec": {"operation": {"sync": {"source": APPLICATION["spec"]["source"]}}},  # type: ignore[index]
    "a rollback": {"operation": {"sync": {"source": {"repoURL": "https://old.example.com/x"}}}},
    "a refresh": {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}},
    "the time of a refresh": {"metadata": {"annotations": {"argocd.argoproj.io/refresh-timestamp": "2026"}}},
    "no refresh": {"metadata": {"annotations": {"argocd.argoproj.io/refresh": None}}},
}

REFUSED: dict[str, tuple[Any, str]] = {
    "the spec": ({"spec": {"source": {"repoURL": "https://evil.example.com/x"}}}, "spec"),
    "the project": ({"spec": {"project": "admin"}}, "spec"),
    "the status": ({"status": {"sync": {"status": "OutOfSync"}}}, "status"),
    "no status": ({"status": None}, "status"),
    "a label": ({"metadata": {"labels": {"team": "other"}}}, "labels"),
    "no labels": ({"metadata": {"labels": None}}, "labels"),
    "no finalizers": ({"metadata": {"finalizers": None}}, "finalizers"),
    "a finalizer": (
        {"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io", "x.example.com/y"]}},
        "final",
    ),
    "a new annotation": ({"metadata": {"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}}}, "annotation"),
    "a changed annotation": ({"metadata": {"annotations": {"pilothouse.dev/run": "8"}}}, "annotation"),
    "a removed annotation": ({"metadata": {"annotations": {"pilothouse.dev/run": None}}}, "annotation"),
    "an approval": ({"metadata": {"annotations": {"argocd.argoproj.io/deletion-approved": "2026"}}}, "annotation"),
    "an owner": (
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "y"}]}},
        "owners",
    ),
    "manifests": ({"operation": {"sync": {"manifests": ['{"kind":"Pod"}']}}}, "manifests"),
    "another source": ({"operation": {"sync": {"source": {"repoURL": "https://evil.example.com/x"}}}}, "source"),
    "the source with other options": (
        {"operation": {"sync": {"source": {**APPLICATION["spec"]["source"], "helm": {"values": "a: 1"}}}}},  # type: ignore[index]
        "source",
    ),
    "other sources": ({"operation": {"sync": {"sources": [{"repoURL": "https://evil.example.com/x"}]}}}, "sources"),
    "a sync and the spec": ({"operation": {"sync": {}}, "spec": {"project": "admin"}}, "spec"),
}


async def test_the_receiver_may_ask_for_syncs_and_refreshes(receiver: Receiver) -> None:
    for what, body in ALLOWED.items():
        answer = await receiver.patch(body, dryRun="All")
        assert answer.status == 200, (what, answer)


async def test_the_receiver_may_change_nothing_else_of_an_application(receiver: Receiver) -> None:
    for what, (body, word) in REFUSED.items():
        answer = await receiver.patch(body)
        assert answer.status == 403, (what, answer)
        assert "ValidatingAdmissionPolicy" in answer.body["message"]
        assert word in answer.body["message"], (what, answer)


async def test_no_form_of_a_patch_gets_around_the_policy(receiver: Receiver) -> None:
    spec = [{"op": "replace", "path": "/spec/project", "value": "admin"}]
    assert (await receiver.patch(spec, JSON_PATCH)).status == 403
    body = {**APPLICATION, "spec": {**APPLICATION["spec"], "project": "admin"}}  # type: ignore[dict-item]
    applied = await receiver.patch(body, "application/apply-patch+yaml", fieldManager="pilothouse", force="true")
    assert applied.status == 403
    operation = [{"op": "add", "path": "/operation", "value": {"sync": {}}}]
    assert (await receiver.patch(operation, JSON_PATCH)).status == 200


async def test_the_receiver_neither_creates_nor_replaces_nor_deletes(receiver: Receiver) -> None:
    folder = receiver.path.rpartition("/")[0]
    new = {**APPLICATION, "metadata": {"name": "new"}}
    assert (await receiver.kube_request("POST", folder, new, token=receiver.token)).status == 403
    _, live = await receiver.kube_request("GET", receiver.path, token=receiver.token)
    assert (await receiver.kube_request("PUT", receiver.path, live, token=receiver.token)).status == 403
    assert (await receiver.kube_request("DELETE", receiver.path, token=receiver.token)).status == 403
    upsert = await receiver.kube_request(
        "PATCH",
        f"{folder}/new",
        new,
        token=receiver.token,
        content_type="application/apply-patch+yaml",
        params={"fieldManager": "x"},
    )
    assert upsert.status == 403


async def test_a_pending_operation_with_manifests_does_not_keep_the_receiver_from_a_refresh(receiver: Receiver) -> None:
    body = {"operation": {"sync": {"manifests": ["{}"]}}}
    assert (await receiver.kube_request("PATCH", receiver.path, body)).status == 200
    assert (await receiver.patch(ALLOWED["a refresh"])).status == 200


async def test_an_application_without_annotations_or_status_can_be_refreshed_and_synced(receiver: Receiver) -> None:
    folder = receiver.path.rpartition("/")[0]
    bare = {**APPLICATION, "metadata": {"name": "bare"}}
    bare.pop("status")
    assert (await receiver.kube_request("POST", folder, bare)).status == 201
    probe = Receiver(receiver.kube_request, receiver.token, f"{folder}/bare")
    assert (await probe.patch(ALLOWED["a refresh"])).status == 200
    assert (await probe.patch(ALLOWED["a sync"])).status == 200
    assert (await probe.patch(REFUSED["the status"][0])).status == 403


async def test_the_policy_holds_nobody_but_the_receiver(receiver: Receiver) -> None:
    path = receiver.path
    namespace = path.split("/")[5]
    worker = await receiver.kube_request.account_token(namespace, "pilothouse-worker")
    for body, _ in REFUSED.values():
        answer = await receiver.kube_request("PATCH", path, body, token=worker, params={"dryRun": "All"})
        assert answer.status in (200, 422), answer


async def test_the_receiver_reads_its_two_secrets_and_no_other(receiver: Receiver) -> None:
    namespace = receiver.path.split("/")[5]
    folder = f"/api/v1/namespaces/{namespace}/secrets"
    for name in ("pilothouse-secret", "pilothouse-webhooks", "repo-shop", "cluster-prod"):
        await receiver.kube_request("POST", folder, {"metadata": {"name": name}, "stringData": {"password": "p"}})
    statuses = {
        name: (await receiver.kube_request("GET", f"{folder}/{name}", token=receiver.token)).status
        for name in ("pilothouse-secret", "pilothouse-webhooks", "repo-shop", "cluster-prod")
    }
    assert list(statuses.values()) == [200, 200, 403, 403], statuses
    assert (await receiver.kube_request("GET", folder, token=receiver.token)).status == 403


async def test_the_receivers_rights_are_a_short_list(kube_request: KubeRequest, accounts: str) -> None:
    user = f"system:serviceaccount:{accounts}:pilothouse-receiver"
    for verb in ("get", "list", "watch", "patch"):
        assert await may(kube_request, user, verb, "applications.argoproj.io", namespace=accounts)
    for verb in ("get", "list", "watch"):
        assert await may(kube_request, user, verb, "appprojects.argoproj.io", namespace=accounts)
    assert await may(kube_request, user, "create", "tokenreviews.authentication.k8s.io")
    assert await may(kube_request, user, "create", "subjectaccessreviews.authorization.k8s.io")


FORBIDDEN = [
    *((verb, "applications.argoproj.io") for verb in ("create", "update", "delete", "deletecollection", "sync")),
    *((verb, "appprojects.argoproj.io") for verb in ("create", "update", "patch", "delete")),
    *((verb, "secrets") for verb in ("list", "watch", "create", "update", "patch", "delete", "get")),
    *((verb, kind) for verb in ("get", "list", "create", "patch", "delete") for kind in ("pods", "configmaps")),
    *((verb, "deployments.apps") for verb in ("get", "list", "create", "patch", "delete")),
    *((verb, "rolebindings.rbac.authorization.k8s.io") for verb in ("create", "patch")),
    ("create", "pods/exec"),
    ("create", "serviceaccounts/token"),
    ("impersonate", "users"),
    ("get", "nodes"),
]


async def test_the_receiver_reaches_no_workload_and_no_credential(kube_request: KubeRequest, accounts: str) -> None:
    user = f"system:serviceaccount:{accounts}:pilothouse-receiver"
    for verb, resource in FORBIDDEN:
        for namespace in (accounts, "default", "kube-system"):
            allowed = await may(kube_request, user, verb, resource, namespace=namespace)
            assert not allowed, (verb, resource, namespace)
    assert not await may(kube_request, user, "list", "applications.argoproj.io", namespace="default")


async def test_the_worker_has_its_own_needs_and_its_rules(kube_request: KubeRequest, accounts: str) -> None:
    user = f"system:serviceaccount:{accounts}:pilothouse-worker"
    for verb in ("get", "list", "watch", "patch"):
        assert await may(kube_request, user, verb, "applications.argoproj.io", namespace=accounts)
    for kind in ("secrets", "configmaps"):
        assert await may(kube_request, user, "list", kind, namespace=accounts)
    for verb in ("create", "list"):
        assert await may(kube_request, user, verb, "events", namespace=accounts)
    assert await may(kube_request, user, "patch", "secrets", namespace=accounts, name="pilothouse-webhooks")
    assert await may(kube_request, user, "delete", "configmaps", namespace="default")


async def test_the_worker_copies_webhook_secrets_with_its_own_rights_and_writes_no_other_secret(
    kube_request: KubeRequest, accounts: str, control_plane: Coordinates
) -> None:
    folder = f"/api/v1/namespaces/{accounts}/secrets"
    data = {"url": "https://git.example.com/acme/shop.git", "password": "p", "webhookSecret": "w"}
    labels = {"argocd.argoproj.io/secret-type": "repository"}
    await kube_request("POST", folder, {"metadata": {"name": "repo-shop", "labels": labels}, "stringData": data})
    worker = await kube_request.account_token(accounts, "pilothouse-worker")
    receiver = await kube_request.account_token(accounts, "pilothouse-receiver")
    ca_pem = await asyncio.to_thread(Path(control_plane.ca_file).read_text)
    kube = Kube.at(ClusterCredentials(control_plane.url, token=worker, ca_pem=ca_pem))
    keeper = asyncio.create_task(WebhookCopies(kube, accounts).keep())
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while (seen := await kube_request("GET", f"{folder}/pilothouse-webhooks", token=receiver)).status != 200:
            assert time.monotonic() < deadline, seen
            await asyncio.sleep(POLL_INTERVAL_S)
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await kube.close()
    copied = {key: base64.b64decode(value).decode() for key, value in seen.body["data"].items()}
    url = "https://git.example.com/acme/shop"
    assert copied == {"repository.repo-shop.url": url, "repository.repo-shop.secret": "w"}
    user = f"system:serviceaccount:{accounts}:pilothouse-worker"
    for verb in ("update", "delete"):
        assert not await may(kube_request, user, verb, "secrets", namespace=accounts, name="pilothouse-webhooks")
    for name in ("repo-shop", "pilothouse-secret", "cluster-prod"):
        assert not await may(kube_request, user, "patch", "secrets", namespace=accounts, name=name)


async def test_a_worker_that_is_no_cluster_admin_has_its_rules_only(kube_request: KubeRequest, accounts: str) -> None:
    user = f"system:serviceaccount:{accounts}:pilothouse-worker"
    for verb, resource in (("create", "deployments.apps"), ("get", "secrets"), ("create", "namespaces")):
        assert not await may(kube_request, user, verb, resource, namespace="default")
    for verb in ("patch", "update", "delete"):
        assert not await may(kube_request, user, verb, "secrets", namespace=accounts, name="repo-shop")
    for verb in ("create", "update", "delete"):
        assert not await may(kube_request, user, verb, "applications.argoproj.io", namespace=accounts)


async def test_the_example_for_ci_may_sync_one_application_and_no_more(
    kube_request: KubeRequest, accounts: str
) -> None:
    example = (
        (CHART / "examples" / "ci-token.yaml").read_text().replace("namespace: pilothouse", f"namespace: {accounts}")
    )
    for body in yaml.safe_load_all(example):
        status, answer = await apply(kube_request, body)
        assert status == 201, answer
    user = f"system:serviceaccount:{accounts}:ci-cart"
    applications = "applications.argoproj.io"
    await allowed_at_last(kube_request, user, "sync", applications, namespace=accounts, name="cart-staging")
    for verb in ("get", "sync"):
        assert await may(kube_request, user, verb, applications, namespace=accounts, name="cart-staging")
        assert not await may(kube_request, user, verb, applications, namespace=accounts, name="cart-prod")
    for verb in ("patch", "update", "delete", "create"):
        assert not await may(kube_request, user, verb, applications, namespace=accounts, name="cart-staging")


async def test_the_token_of_the_example_is_worthless_at_the_api_server(
    kube_request: KubeRequest, accounts: str
) -> None:
    token = await kube_request.account_token(accounts, "pilothouse-receiver", ["pilothouse"])
    assert (await kube_request("GET", "/api", token=token)).status == 401
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
    asked = {**review, "spec": {"token": token, "audiences": ["pilothouse"]}}
    _, answer = await kube_request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", asked)
    assert answer["status"]["authenticated"]
    assert answer["status"]["audiences"] == ["pilothouse"]
