"""The receiver's account against all that the API server serves: it reads and writes no workload, and no credential."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.controlplane.request import KubeRequest
from tests.deploy.cluster import APPLICATIONS

pytestmark = pytest.mark.cluster

AT_ONCE = 16
HOME_MAY = {
    *(("argoproj.io", "applications", verb) for verb in ("get", "list", "watch", "patch")),
    *(("argoproj.io", "appprojects", verb) for verb in ("get", "list", "watch")),
    *(("", f"secrets/{name}", "get") for name in ("pilothouse-secret", "pilothouse-webhooks")),
}
EVERYWHERE_MAY = {
    ("authentication.k8s.io", "tokenreviews", "create"),
    ("authorization.k8s.io", "subjectaccessreviews", "create"),
    # What everybody may who is known at all: ask about oneself.
    # https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"),
}


@dataclass(frozen=True)
class Served:
    """A kind the API server serves."""

    group: str
    version: str
    name: str
    """As in paths; without subresources."""
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]

    def path(self, namespace: str) -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.name}" if self.namespaced else f"{root}/{self.name}"

    def body(self, name: str) -> dict[str, Any]:
        version = f"{self.group}/{self.version}" if self.group else self.version
        return {"apiVersion": version, "kind": self.kind, "metadata": {"name": name}}


async def served(kube: KubeRequest) -> list[Served]:
    """Every kind, in its preferred version."""
    groups = (await kube("GET", "/apis")).body["groups"]
    versions = [("", "v1"), *((group["name"], group["preferredVersion"]["version"]) for group in groups)]
    found = []
    for group, version in versions:
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        for item in (await kube("GET", root)).body["resources"]:
            if "/" not in item["name"]:
                verbs = tuple(item["verbs"])
                found.append(Served(group, version, item["name"], item["kind"], item["namespaced"], verbs))
    return found


def requests(kind: Served, namespace: str) -> Iterator[tuple[str, str, str, Any]]:
    """Verb, method, path and body of one try of each thing that can be done with a kind, watches aside."""
    path, body = kind.path(namespace), kind.body("anything")
    if "list" in kind.verbs:
        yield "list", "GET", path, None
    if "create" in kind.verbs:
        yield "create", "POST", f"{path}?dryRun=All", body
    if "deletecollection" in kind.verbs:
        yield "deletecollection", "DELETE", f"{path}?dryRun=All", None
    for verb, method in (("get", "GET"), ("patch", "PATCH"), ("update", "PUT"), ("delete", "DELETE")):
        if verb in kind.verbs:
            query = "" if verb == "get" else "?dryRun=All"
            yield verb, method, f"{path}/anything{query}", body if verb in ("patch", "update") else None


async def test_of_all_that_is_served_the_receiver_reaches_applications_and_projects_alone(
    kube_request: KubeRequest, accounts: str
) -> None:
    token = await kube_request.account_token(accounts, "pilothouse-receiver")
    gate, allowed, tried = asyncio.Semaphore(AT_ONCE), set(), []

    async def try_it(kind: Served, verb: str, method: str, path: str, body: Any) -> None:
        async with gate:
            answer = await kube_request(method, path, body, token=token)
        tried.append((kind.group, kind.name, verb))
        if answer.status != 403:
            allowed.add((kind.group, kind.name, verb))

    kinds = await served(kube_request)
    for namespace, may in ((accounts, HOME_MAY | EVERYWHERE_MAY), ("default", EVERYWHERE_MAY)):
        allowed.clear()
        async with asyncio.TaskGroup() as group:
            for kind in kinds:
                for verb, method, path, body in requests(kind, namespace):
                    group.create_task(try_it(kind, verb, method, path, body))
        assert allowed == {entry for entry in may if "/" not in entry[1] and entry[2] != "watch"}, namespace
    every = {(group, name) for group, name, _ in tried}
    assert {("apps", "deployments"), ("", "pods"), ("", "secrets"), ("batch", "jobs")} <= every
    assert len(every) > 50, every


async def test_the_rules_that_the_api_server_has_for_it_are_these_and_no_more(
    kube_request: KubeRequest, accounts: str
) -> None:
    token = await kube_request.account_token(accounts, "pilothouse-receiver")
    for namespace, may in ((accounts, HOME_MAY | EVERYWHERE_MAY), ("default", EVERYWHERE_MAY)):
        review = {"spec": {"namespace": namespace}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
        status, answer = await kube_request("POST", path, review, token=token)
        assert status == 201, answer
        rules = answer["status"]
        assert not rules["incomplete"]
        found = {
            (group, f"{resource}/{name}" if name else resource, verb)
            for rule in rules["resourceRules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for name in rule.get("resourceNames") or [""]
            for verb in rule["verbs"]
        }
        assert found == may, namespace
        assert {verb for rule in rules["nonResourceRules"] for verb in rule["verbs"]} == {"get"}


async def test_subresources_that_reach_into_workloads_are_out_of_its_reach(
    kube_request: KubeRequest, accounts: str
) -> None:
    token = await kube_request.account_token(accounts, "pilothouse-receiver")
    core = f"/api/v1/namespaces/{accounts}"
    for method, path in (
        ("GET", f"{core}/pods/web/log"),
        ("GET", f"{core}/pods/web/exec?command=id"),
        ("POST", f"{core}/pods/web/exec?command=id"),
        ("POST", f"{core}/pods/web/attach"),
        ("POST", f"{core}/pods/web/portforward"),
        ("POST", f"{core}/pods/web/eviction"),
        ("GET", f"{core}/pods/web/proxy/"),
        ("GET", f"{core}/services/web/proxy/"),
        ("PATCH", f"{core}/pods/web/ephemeralcontainers"),
        ("POST", f"{core}/serviceaccounts/pilothouse-worker/token"),
        ("PATCH", f"/apis/apps/v1/namespaces/{accounts}/deployments/web/scale"),
        ("PATCH", f"{APPLICATIONS.format(accounts)}/cart/status"),
        ("GET", "/api/v1/nodes/n/proxy/"),
    ):
        body = {} if method in ("POST", "PATCH") else None
        answer = await kube_request(method, path, body, token=token)
        # Application has no status subresource at all.
        assert answer.status == 403 or (answer.status == 404 and path.endswith("/cart/status")), (path, answer)
