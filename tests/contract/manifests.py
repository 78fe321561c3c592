"""Manifests with good defaults, for the contract tests."""

from typing import Any

Manifest = dict[str, Any]


def config_map(name: str = "a", data: dict[str, str] | None = None, **metadata: Any) -> Manifest:
    """A ConfigMap."""
    manifest: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}
    return manifest if data is None else {**manifest, "data": data}


def pod_spec(image: str = "web:1", **container: Any) -> Manifest:
    """A pod spec with one container."""
    return {"containers": [{"name": "web", "image": image, **container}]}


def workload(kind: str = "Deployment", name: str = "web", image: str = "web:1", **spec: Any) -> Manifest:
    """A Deployment, StatefulSet, DaemonSet or ReplicaSet."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(image)}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def service(name: str = "web", **spec: Any) -> Manifest:
    """A Service of the pods of `workload()`."""
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def job(name: str = "job", annotations: dict[str, str] | None = None, **spec: Any) -> Manifest:
    """A Job of one pod."""
    template = {"metadata": {"annotations": annotations or {}}, "spec": {**pod_spec(), "restartPolicy": "Never"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template, **spec}}


WIDGET_SPEC: Manifest = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1},
        "mode": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
        "name": {"type": "string", "pattern": "^x"},
        "nested": {"type": "object", "default": {}, "properties": {"on": {"type": "boolean", "default": True}}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "bare": {"type": "object"},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "keyed": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k"],
            "items": {
                "type": "object",
                "required": ["k"],
                "properties": {"k": {"type": "string"}, "v": {"type": "string"}},
            },
        },
        "port": {"x-kubernetes-int-or-string": True},
        "maybe": {"type": "string", "nullable": True},
    },
}


def widget_crd(group: str, *, with_status: bool) -> Manifest:
    """A CRD for namespaced Widgets, with or without a status subresource."""
    status = {"type": "object", "properties": {"phase": {"type": "string"}}}
    properties = {
        "spec": WIDGET_SPEC,
        "status": status,
        "operation": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }
    schema = {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": properties}}
    version: Manifest = {"name": "v1", "served": True, "storage": True, "schema": schema}
    if with_status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [version],
        },
    }
