"""A receiver under its own account on a cluster with RBAC, and people with tokens: the same on any API server."""

import json
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from aiohttp.test_utils import TestClient, TestServer

from deploy.sandbox import Sandbox
from receiver.app import build_app
from receiver.settings import ReceiverSettings
from tests.controlplane.coordinates import Coordinates
from tests.controlplane.request import KubeRequest
from tests.deploy.cluster import APPLICATIONS, allowed_at_last, apply, install_crds
from tests.receiver.conftest import Client
from tests.valkey import Valkey

LIST = "/api/v1/applications"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"
SPEC: dict[str, Any] = {
    "project": "default",
    "source": {"repoURL": "https://git.example.com/acme/deploy.git", "path": "shop", "targetRevision": "main"},
    "destination": {"namespace": "prod", "name": "in-cluster"},
}
Rule = dict[str, Any]


class Answered(NamedTuple):
    """What the receiver said."""

    status: int
    body: Any
    headers: Any

    @property
    def fields(self) -> list[str]:
        """The fields that a refusal names."""
        return [error["field"] for error in self.body.get("errors", ())]


@dataclass
class Cluster:
    """An API server, and the receiver that serves it."""

    kube: KubeRequest
    home: str
    client: Client

    async def application(self, name: str = "cart", **parts: Any) -> dict[str, Any]:
        """An Application that somebody made with kubectl."""
        metadata = {"name": name, **parts.pop("metadata", {})}
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": metadata,
            "spec": SPEC,
            **parts,
        }
        status, made = await self.kube("POST", APPLICATIONS.format(self.home), body)
        assert status == 201, made
        found: dict[str, Any] = made
        return found

    async def live(self, name: str = "cart") -> Any:
        """The Application as the API server has it; None: there is none."""
        status, body = await self.kube("GET", self.path(name))
        return body if status == 200 else None

    async def patch(self, name: str = "cart", **change: Any) -> Any:
        """A merge patch by somebody else."""
        status, body = await self.kube("PATCH", self.path(name), change)
        assert status == 200, body
        return body

    async def clean(self) -> None:
        """Take all Applications away, whatever holds them up."""
        _, found = await self.kube("GET", APPLICATIONS.format(self.home))
        for body in found["items"]:
            path = self.path(body["metadata"]["name"])
            if body["metadata"].get("finalizers"):
                await self.kube("PATCH", path, {"metadata": {"finalizers": None}})
            await self.kube("DELETE", path)

    def path(self, name: str) -> str:
        """Of an Application at the API server."""
        return f"{APPLICATIONS.format(self.home)}/{name}"

    async def person(self, *rules: Rule, audiences: Iterable[str] = (), name: str = "") -> str:
        """A ServiceAccount with these rules in the home namespace; its token."""
        name = name or f"p-{secrets.token_hex(3)}"
        metadata = {"name": name, "namespace": self.home}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": self.home}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        for path, body in (
            (f"/api/v1/namespaces/{self.home}/serviceaccounts", {"metadata": metadata}),
            (f"{RBAC}/{self.home}/roles", {"metadata": metadata, "rules": list(rules)}),
            (f"{RBAC}/{self.home}/rolebindings", {"metadata": metadata, "roleRef": role, "subjects": [subject]}),
        ):
            status, answer = await self.kube("POST", path, body)
            assert status == 201, answer
        user = f"system:serviceaccount:{self.home}:{name}"
        for rule in rules[:1]:
            await allowed_at_last(
                self.kube,
                user,
                rule["verbs"][0],
                "applications.argoproj.io",
                namespace=self.home,
                name=next(iter(rule.get("resourceNames", ("any",)))),
            )
        return await self.kube.account_token(self.home, name, tuple(audiences))

    async def call(self, method: str, path: str, token: str | None, **more: Any) -> Answered:
        """A request to the receiver."""
        headers = {**more.pop("headers", {}), **({} if token is None else {"Authorization": f"Bearer {token}"})}
        async with self.client.request(method, path, headers=headers, **more) as answer:
            text = await answer.text()
            body = json.loads(text) if text and "json" in answer.content_type else text
            return Answered(answer.status, body, answer.headers)


def on_applications(*verbs: str, names: Iterable[str] = ()) -> Rule:
    """What may be done with Applications, or with these alone."""
    rule: Rule = {"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": list(verbs)}
    return rule | ({"resourceNames": list(names)} if names else {})


RECEIVER = (
    on_applications("get", "list", "watch", "patch"),
    {"apiGroups": ["argoproj.io"], "resources": ["appprojects"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
)
REVIEWS = [
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
    {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
]


@asynccontextmanager
async def on_sandbox(valkey: Valkey, folder: Path) -> AsyncIterator[Cluster]:
    """A cluster in memory; the receiver's account has the chart's rights, written down once more."""
    async with Sandbox.serve() as sandbox, aiohttp.ClientSession(sandbox.url) as session:
        where = Coordinates(sandbox.url, "", sandbox.admin_token, "", {}, False, {})
        kube = KubeRequest(session, where)
        await install_crds(kube)
        assert (await kube("POST", "/api/v1/namespaces", {"metadata": {"name": "pilothouse"}})).status == 201
        token = await _own_account(kube)
        kubeconfig = sandbox.kubeconfig(folder / "kubeconfig", token)
        async with served(kube, "pilothouse", kubeconfig, valkey) as cluster:
            yield cluster


@asynccontextmanager
async def served(kube: KubeRequest, home: str, kubeconfig: Path, valkey: Valkey) -> AsyncIterator[Cluster]:
    """A receiver with this kubeconfig."""
    given: dict[str, Any] = {"KUBECONFIG": str(kubeconfig), "redis_url": valkey.url, "namespaces": home}
    async with TestClient(TestServer(await build_app(ReceiverSettings(**given)))) as client:
        yield Cluster(kube, home, client)


async def _own_account(kube: KubeRequest) -> str:
    unserved: Any = None
    token = await Cluster(kube, "pilothouse", unserved).person(*RECEIVER, name="pilothouse-receiver")
    meta = {"name": "pilothouse-receiver"}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": meta, "rules": REVIEWS}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "pilothouse-receiver"},
        "subjects": [{"kind": "ServiceAccount", "name": "pilothouse-receiver", "namespace": "pilothouse"}],
    }
    for body in (role, binding):
        assert (await apply(kube, body)).status == 201
    return token
