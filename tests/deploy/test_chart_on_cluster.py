"""A real API server takes every object of the chart, strictly, and its pods under the restricted standard."""

import pytest

from tests.controlplane.request import KubeRequest
from tests.deploy.cluster import apply
from tests.deploy.rendering import Values, render

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crds_installed")]

VALUES: dict[str, Values] = {
    "defaults": {},
    "everything": {
        "ingress": {
            "enabled": True,
            "host": "hooks.example.com",
            "className": "nginx",
            "tlsSecret": "t",
            "annotations": {"a": "b"},
        },
        "worker": {
            "clusterAdmin": False,
            "replicas": 3,
            "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}],
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}],
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "nodeSelector": {"a": "b"},
            "podAnnotations": {"a": "b"},
            "serviceAccountAnnotations": {"a": "b"},
            "impersonation": {"enabled": True},
        },
        "defaultProject": {"spec": {"syncWindows": [{"kind": "deny", "schedule": "0 22 * * *", "duration": "1h"}]}},
        "receiver": {"service": {"type": "LoadBalancer", "port": 8080, "annotations": {"a": "b"}}},
        "imagePullSecrets": [{"name": "registry"}],
        "valkey": {"passwordSecret": "p", "persistence": {"storageClass": "fast", "size": "2Gi"}},
        "networkPolicy": {
            "receiverFrom": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}],
            "metricsFrom": [{"podSelector": {}}],
            "workerEgress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}],
        },
    },
    "own-redis": {"redis": {"existingSecret": "queue"}, "settings": {"LOG_LEVEL": "debug"}},
    "no-volume": {"valkey": {"persistence": {"enabled": False}}, "networkPolicy": {"enabled": False}},
}


@pytest.mark.parametrize("name", VALUES)
async def test_a_real_api_server_accepts_every_object(name: str, kube_request: KubeRequest, namespace: str) -> None:
    for body in render(VALUES[name], namespace):
        status, answer = await apply(kube_request, body, dry_run=True)
        assert status in (200, 201), (body["kind"], answer)


async def test_the_pods_are_admitted_under_the_restricted_standard(kube_request: KubeRequest, namespace: str) -> None:
    enforced = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    assert (await kube_request("PATCH", f"/api/v1/namespaces/{namespace}", enforced)).status == 200
    pods = [body["spec"]["template"] for body in render({}, namespace) if "template" in body.get("spec", {})]
    assert len(pods) == 3
    for number, template in enumerate(pods):
        pod = {"metadata": {**template["metadata"], "name": f"p{number}"}, "spec": template["spec"]}
        # The volume of a StatefulSet comes from its claim template.
        names = {volume["name"] for volume in pod["spec"].get("volumes", [])}
        mounts = {mount["name"] for container in pod["spec"]["containers"] for mount in container["volumeMounts"]}
        claims = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in mounts - names]
        pod["spec"]["volumes"] = [*pod["spec"].get("volumes", []), *claims]
        params = {"dryRun": "All", "fieldValidation": "Strict"}
        status, answer = await kube_request("POST", f"/api/v1/namespaces/{namespace}/pods", pod, params=params)
        assert status == 201, answer
    pod["spec"]["securityContext"] = {}
    refused = await kube_request("POST", f"/api/v1/namespaces/{namespace}/pods", pod, params=params)
    assert refused.status == 403


async def test_what_a_policy_says_is_understood_by_the_api_server(kube_request: KubeRequest, accounts: str) -> None:
    path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/pilothouse-receiver.{accounts}"
    body = await kube_request.until(path, lambda answer: "typeChecking" in answer.body.get("status", {}))
    assert body["status"]["typeChecking"] == {}
