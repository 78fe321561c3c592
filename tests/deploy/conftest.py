"""The chart's CRDs and the chart itself, installed in the test control plane."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.controlplane.request import KubeRequest
from tests.deploy.cluster import allowed_at_last, apply, install_crds, path_of
from tests.deploy.rendering import render

ACCESS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
APPLICATION = "applications.argoproj.io"
POLICY = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@pytest.fixture
async def crds_installed(kube_request: KubeRequest) -> None:
    """Application and AppProject are served."""
    await install_crds(kube_request)


@pytest.fixture
async def accounts(kube_request: KubeRequest, namespace: str, crds_installed: None) -> AsyncIterator[str]:
    """The chart's accounts, Roles and policy in a namespace, which it returns; the worker is held to ConfigMaps."""
    rules: list[dict[str, Any]] = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]
    values = {"worker": {"clusterAdmin": False, "rules": rules}}
    wanted = [body for body in render(values, namespace) if body["kind"] in (*ACCESS, *POLICY)]
    for body in wanted:
        status, answer = await apply(kube_request, body)
        assert status in (200, 201), answer
    user = f"system:serviceaccount:{namespace}:pilothouse"
    await allowed_at_last(kube_request, f"{user}-receiver", "create", "tokenreviews.authentication.k8s.io")
    await allowed_at_last(kube_request, f"{user}-receiver", "patch", APPLICATION, namespace=namespace)
    await allowed_at_last(kube_request, f"{user}-worker", "patch", APPLICATION, namespace=namespace)
    await allowed_at_last(kube_request, f"{user}-worker", "delete", "configmaps", namespace="default")
    yield namespace
    for body in wanted:
        if "namespace" not in body["metadata"]:
            await kube_request("DELETE", path_of(body))
