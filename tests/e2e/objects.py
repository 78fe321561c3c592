"""Manifests for the tests of the flow, as YAML text: the smallest objects that show a rule."""

from typing import Any

import yaml

Json = dict[str, Any]


def config_map(name: str = "web", *, annotations: dict[str, str] | None = None, **data: str) -> str:
    """A ConfigMap with this data."""
    return text("v1", "ConfigMap", name, {"data": data or {"colour": "blue"}}, annotations=annotations)


def text(
    api_version: str,
    kind: str,
    name: str,
    rest: Json | None = None,
    *,
    annotations: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    namespace: str = "",
) -> str:
    """Any object as a YAML document."""
    metadata: Json = {"name": name}
    metadata |= {"namespace": namespace} if namespace else {}
    metadata |= {"labels": labels} if labels else {}
    metadata |= {"annotations": annotations} if annotations else {}
    body = {"apiVersion": api_version, "kind": kind, "metadata": metadata} | (rest or {})
    return yaml.safe_dump(body, sort_keys=False)


def docs(*documents: str) -> str:
    """Several objects in one file."""
    return "---\n".join(documents)


def pod_template(name: str, image: str, **fields: Any) -> Json:
    """A Pod template that ends quickly when asked to go."""
    container = {"name": name, "image": image} | fields
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"metadata": {"labels": {"app": name}}, "spec": spec}


def deployment(name: str = "web", image: str = "registry.example.org/web:1", **fields: Any) -> str:
    """A Deployment of one replica; fields of its spec win."""
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": {"app": name}},
        "template": pod_template(name, image),
    } | fields
    return text("apps/v1", "Deployment", name, {"spec": spec})


def service(name: str = "web", **fields: Any) -> str:
    """A Service in front of the Deployment of its name."""
    return text("v1", "Service", name, {"spec": {"selector": {"app": name}, "ports": [{"port": 80}]} | fields})


def job(name: str, *, annotations: dict[str, str] | None = None, exit_code: int = 0, image: str = "job:1") -> str:
    """A Job that ends at once, well or with the exit code."""
    template = pod_template(name, image)
    template["metadata"]["annotations"] = {"test.pilothouse.dev/exit-code": str(exit_code)} if exit_code else {}
    template["spec"]["restartPolicy"] = "Never"
    spec = {"backoffLimit": 0, "template": template}
    return text("batch/v1", "Job", name, {"spec": spec}, annotations=annotations)


def crd(plural: str, kind: str, group: str) -> str:
    """A namespaced CRD whose `spec.size` is a number; unknown fields are pruned."""
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    return text("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", {"spec": spec})
