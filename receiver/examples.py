"""Examples of bodies and answers, for the OpenAPI document."""

from typing import Any

Json = dict[str, Any]

SPEC: Json = {
    "project": "default",
    "source": {
        "repoURL": "https://git.example.com/shop/charts.git",
        "path": "cart",
        "targetRevision": "main",
        "helm": {"valueFiles": ["values-staging.yaml"]},
    },
    "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop-staging"},
    "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
}
KIND: Json = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
REVISION = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"
WRITTEN: Json = {**KIND, "metadata": {"name": "cart"}, "spec": SPEC}
SHOWN: Json = {
    **KIND,
    "metadata": {"name": "cart", "namespace": "pilothouse", "resourceVersion": "4711"},
    "spec": SPEC,
    "status": {"sync": {"status": "Synced", "revision": REVISION}, "health": {"status": "Healthy"}},
}
OPERATION: Json = {
    "initiatedBy": {"username": "system:serviceaccount:pilothouse:ci-cart"},
    "info": [{"name": "pilothouse.dev/request", "value": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}],
    "sync": {"prune": True},
}
STARTED: Json = {"operation": OPERATION}
ENDED: Json = {"operation": OPERATION, "operationState": {"phase": "Succeeded", "operation": OPERATION}}
NODE: Json = {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop-staging", "name": "cart"}
MANAGED_RESOURCES: Json = {
    "items": [
        {
            "group": "apps",
            "kind": "Deployment",
            "namespace": "shop-staging",
            "name": "cart",
            "liveState": '{"apiVersion":"apps/v1","kind":"Deployment"}',
            "targetState": '{"apiVersion":"apps/v1","kind":"Deployment"}',
            "action": "configured",
            "differences": [".spec.replicas"],
        }
    ],
    "warnings": [],
}
MANIFESTS: Json = {
    "manifests": ['{"apiVersion":"apps/v1","kind":"Deployment"}'],
    "revisions": [REVISION],
    "sourceTypes": ["Helm"],
    "warnings": [],
}
RESOURCE_TREE: Json = {
    "nodes": [
        {**NODE, "uid": "9a1c", "resourceVersion": "12", "health": {"status": "Healthy"}},
        {
            "group": "apps",
            "version": "v1",
            "kind": "ReplicaSet",
            "namespace": "shop-staging",
            "name": "cart-5d9f",
            "uid": "77b0",
            "parentRefs": [
                {"group": "apps", "kind": "Deployment", "namespace": "shop-staging", "name": "cart", "uid": "9a1c"}
            ],
            "health": {"status": "Healthy"},
        },
    ],
    "warnings": [],
}
EVENTS: Json = {
    "items": [
        {
            "type": "Normal",
            "reason": "OperationCompleted",
            "message": f"Sync operation to {REVISION} succeeded",
            "count": 1,
            "firstTimestamp": "2026-11-02T08:14:31Z",
            "lastTimestamp": "2026-11-02T08:14:31Z",
            "source": "pilothouse",
        }
    ]
}
STREAMED: Json = {
    "data": '{"result":{"type":"MODIFIED","application":{"metadata":{"name":"cart","namespace":"pilothouse"}}}}'
}
