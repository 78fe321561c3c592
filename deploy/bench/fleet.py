"""The repository that is measured: one chart folder per application, and the same objects as plain manifests."""

from deploy.demo.cluster import Object
from deploy.demo.repository import CHART, FILES

NAME = "fleet"
IMAGE = "ghcr.io/example/shop"
SELECTOR = "app.kubernetes.io/name=shop"
TEMPLATES = ("_helpers.tpl", "configmap.yaml", "serviceaccount.yaml", "service.yaml", "deployment.yaml")
CHART_FILES = ("Chart.yaml", *(f"templates/{name}" for name in TEMPLATES))


def names(count: int) -> tuple[str, ...]:
    """app-0001, app-0002, ..."""
    return tuple(f"app-{number:04}" for number in range(1, count + 1))


def charts(applications: tuple[str, ...], tag: str) -> dict[str, str]:
    """Every chart of the fleet: Deployment, Service, ConfigMap, ServiceAccount."""
    template = {path: (FILES / CHART / path).read_text() for path in CHART_FILES}
    files = {f"{name}/{path}": text for name in applications for path, text in template.items()}
    return files | values(applications, tag)


def values(applications: tuple[str, ...], tag: str) -> dict[str, str]:
    """The values files with a tag: what a push changes."""
    text = f'image:\n  repository: {IMAGE}\n  tag: "{tag}"\nreplicas: 1\ngreeting: Hello\nresources: {{}}\n'
    return {f"{name}/values.yaml": text for name in applications}


def application(name: str, *, home: str, namespace: str, repository_url: str) -> Object:
    """The Application of one chart."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": home},
        "spec": {
            "project": "default",
            "source": {"repoURL": repository_url, "targetRevision": "main", "path": name},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }


def image_of(deployment: Object) -> str:
    """The image a Deployment asks for."""
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def manifests(name: str, *, namespace: str, tag: str) -> tuple[Object, ...]:
    """What a chart renders to, as plain objects; the Deployment is the last."""
    labels = {"app.kubernetes.io/name": "shop", "app.kubernetes.io/instance": name}
    metadata = {"name": name, "namespace": namespace, "labels": {**labels, "app.kubernetes.io/version": tag}}
    port = {"name": "http", "port": 80, "targetPort": "http"}
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": False},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"greeting": "Hello"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": labels, "ports": [port]}},
        _deployment(metadata, labels, tag),
    )


def _deployment(metadata: Object, labels: Object, tag: str) -> Object:
    name = metadata["name"]
    greeting = {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": name, "key": "greeting"}}}
    container = {
        "name": "shop",
        "image": f"{IMAGE}:{tag}",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [greeting],
        "resources": {},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    user = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {"serviceAccountName": name, "securityContext": user, "containers": [container]}
    template = {"metadata": {"labels": metadata["labels"]}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
