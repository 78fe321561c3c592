"""The account Pilothouse runs under while it is measured, so that the API server counts its requests apart from others.

Cluster administrator by RBAC, but not `system:masters`: those are exempt from the API server's flow control, and no
production account is. https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
"""

import re
from pathlib import Path

import yaml

from deploy.demo.cluster import Cluster
from deploy.demo.ground import RBAC

NAME, NAMESPACE = "pilothouse-bench", "kube-system"
FLOW = "flowcontrol.apiserver.k8s.io/v1"
PRIORITY_LEVEL = "workload-low"
"""Where service accounts go by default."""
PRECEDENCE = 500
"""Before the schema for all service accounts, which has 9000."""
TOKEN_S = 24 * 3600
COUNTER = re.compile(
    rf'^apiserver_flowcontrol_dispatched_requests_total{{[^}}]*flow_schema="{NAME}"[^}}]*}} (\S+)$', re.MULTILINE
)


async def kubeconfig_for(cluster: Cluster, original: str, path: Path) -> Path:
    """Make the account and write a kubeconfig for it, with the cluster of another kubeconfig."""
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    metadata = {"name": NAME}
    await cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}}
    )
    binding = {"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": metadata}
    await cluster.apply({**binding, "subjects": [account], "roleRef": role})
    await cluster.apply({"apiVersion": FLOW, "kind": "FlowSchema", "metadata": metadata, "spec": _flow()})
    request = {"spec": {"expirationSeconds": TOKEN_S}}
    token_path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{NAME}/token"
    granted = await cluster.request("POST", token_path, request)
    _write(path, original, str(granted["status"]["token"]))
    return path


async def requests_of(cluster: Cluster) -> int:
    """How many requests the account has made since the API server started."""
    return round(sum(float(value) for value in COUNTER.findall(await cluster.text("/metrics"))))


def _write(path: Path, original: str, token: str) -> None:
    content = yaml.safe_load(Path(original).read_text())
    content["users"][0]["user"] = {"token": token}
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))


def _flow() -> dict[str, object]:
    subject = {"kind": "ServiceAccount", "serviceAccount": {"name": NAME, "namespace": NAMESPACE}}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    rule = {
        "subjects": [subject],
        "resourceRules": [everything],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    }
    return {
        "priorityLevelConfiguration": {"name": PRIORITY_LEVEL},
        "matchingPrecedence": PRECEDENCE,
        "distinguisherMethod": {"type": "ByUser"},
        "rules": [rule],
    }
