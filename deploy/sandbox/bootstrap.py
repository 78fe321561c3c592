"""What a fresh cluster already has: namespaces, roles for its own groups, one node."""

from typing import Any

from deploy.sandbox import writes
from deploy.sandbox.access import MASTERS, RBAC
from deploy.sandbox.state import State
from deploy.sandbox.target import Options, Target

Obj = dict[str, Any]
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
READ = ["get", "list", "watch"]
WRITE = ["create", "delete", "deletecollection", "patch", "update"]
DOCUMENTS = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version", "/version/", "/healthz"]
ROLES: dict[str, list[Obj]] = {
    "cluster-admin": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ],
    "admin": [{"apiGroups": ["", "apps", "batch", "networking.k8s.io", RBAC], "resources": ["*"], "verbs": ["*"]}],
    "edit": [{"apiGroups": ["", "apps", "batch", "networking.k8s.io"], "resources": ["*"], "verbs": READ + WRITE}],
    "view": [{"apiGroups": ["", "apps", "batch", "networking.k8s.io"], "resources": ["*"], "verbs": READ}],
    "system:discovery": [{"nonResourceURLs": DOCUMENTS, "verbs": ["get"]}],
    "system:basic-user": [
        {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews"], "verbs": ["create"]}
    ],
    "system:auth-delegator": [
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ],
}
BINDINGS = {
    "cluster-admin": MASTERS,
    "system:discovery": "system:authenticated",
    "system:basic-user": "system:authenticated",
}


def bootstrap(state: State) -> None:
    """Fill an empty store."""
    for name in NAMESPACES:
        _create(state, "", "namespaces", {"metadata": {"name": name}})
    for name, rules in ROLES.items():
        _create(state, RBAC, "clusterroles", {"metadata": {"name": name}, "rules": rules})
    for name, group in BINDINGS.items():
        reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
        subjects = [{"apiGroup": RBAC, "kind": "Group", "name": group}]
        body = {"metadata": {"name": name}, "roleRef": reference, "subjects": subjects}
        _create(state, RBAC, "clusterrolebindings", body)
    _create(state, "", "nodes", {"metadata": {"name": "sandbox"}})


def _create(state: State, group: str, plural: str, body: Obj) -> None:
    writes.create(state, Target(state.catalogue.at(group, plural)), body, Options(manager="kube-apiserver"))
