"""The chart in the test control plane: applying its objects strictly, asking who may do what."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.controlplane.request import POLL_INTERVAL_S, TIMEOUT_S, Answer, KubeRequest
from tests.deploy.rendering import Object, crds

APPLY = "application/apply-patch+yaml"
PLURALS = {
    "NetworkPolicy": "networkpolicies",
    "Ingress": "ingresses",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
}
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/{}/applications"


def path_of(body: Object) -> str:
    """The object's own path."""
    version, metadata = body["apiVersion"], body["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{root}{place}/{PLURALS.get(body['kind'], body['kind'].lower() + 's')}/{metadata['name']}"


async def apply(kube_request: KubeRequest, body: Object, *, dry_run: bool = False) -> Answer:
    """A strict server-side apply: unknown and double fields are errors."""
    params = {"fieldManager": "test", "fieldValidation": "Strict", "force": "true"}
    if dry_run:
        params["dryRun"] = "All"
    return await kube_request("PATCH", path_of(body), body, params=params, content_type=APPLY)


async def install_crds(kube_request: KubeRequest) -> None:
    """Both CRDs, served. They are the same for all tests of a run and stay."""
    for body in crds():
        answer = await apply(kube_request, body)
        assert answer.status in (200, 201), answer
        await kube_request.until(path_of(body), is_established)
    for plural in ("applications", "appprojects"):
        await kube_request.until(f"/apis/argoproj.io/v1alpha1/{plural}", lambda answer: answer.status == 200)


def is_established(answer: Answer) -> bool:
    """Whether the CRD in the answer is served."""
    conditions = answer.body.get("status", {}).get("conditions") or []
    return any((found["type"], found["status"]) == ("Established", "True") for found in conditions)


async def may(
    kube_request: KubeRequest, user: str, verb: str, resource: str, *, namespace: str = "", name: str = ""
) -> bool:
    """Whether RBAC lets that user do it. `resource` is `plural.group`, or `plural` of the core group."""
    plural, _, group = resource.partition(".")
    wanted = {"verb": verb, "group": group, "resource": plural, "namespace": namespace, "name": name}
    spec: Mapping[str, Any] = {"user": user, "groups": groups_of(user), "resourceAttributes": wanted}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    status, answer = await kube_request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    assert status == 201, answer
    return bool(answer["status"]["allowed"])


async def allowed_at_last(
    kube_request: KubeRequest, user: str, verb: str, resource: str, *, namespace: str = "", name: str = ""
) -> None:
    """Returns once RBAC lets that user do it: the API server takes a moment to heed a new binding."""
    deadline = time.monotonic() + TIMEOUT_S
    while not await may(kube_request, user, verb, resource, namespace=namespace, name=name):
        assert time.monotonic() < deadline, f"{user} may not {verb} {resource} {name}"
        await asyncio.sleep(POLL_INTERVAL_S)


def groups_of(user: str) -> Sequence[str]:
    """What the API server says of a ServiceAccount beside its name."""
    _, _, namespace, _ = user.split(":")
    return ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]


def copied(body: Object) -> Object:
    """A deep copy."""
    copy: Object = json.loads(json.dumps(body))
    return copy
