"""What is deployed under faults: a chart with every kind of step, in two versions; and whether a cluster equals it."""

import base64
from collections.abc import Iterator
from typing import Any

from deploy.demo.cluster import Cluster, collection

Object = dict[str, Any]

TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {tag: "{{ .Values.tag }}"}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {password: "secret-{{ .Values.tag }}"}
---
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec: {selector: {app: web}, ports: [{name: "v{{ .Values.tag }}", port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: web, image: "registry.example.org/web:{{ .Values.tag }}"}]
"""
HOOK = """
apiVersion: batch/v1
kind: Job
metadata: {name: %(name)s, annotations: {argocd.argoproj.io/hook: %(phase)s}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: job, image: "registry.example.org/job:{{ .Values.tag }}"}]
"""
OLD = """
apiVersion: v1
kind: ConfigMap
metadata: {name: old}
data: {tag: "{{ .Values.tag }}"}
"""
HOOKS = ("before", "behind")
KINDS = (
    ("v1", "configmaps", "/ConfigMap"),
    ("v1", "secrets", "/Secret"),
    ("v1", "services", "/Service"),
    ("v1", "serviceaccounts", "/ServiceAccount"),
    ("apps/v1", "deployments", "apps/Deployment"),
    ("batch/v1", "jobs", "batch/Job"),
)
LABEL, TRACKING = "pilothouse.dev/application", "pilothouse.dev/tracking-id"


def first(name: str) -> dict[str, str | None]:
    """The files of the first version, in a folder of the Application's name."""
    return {
        f"{name}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n",
        f"{name}/values.yaml": "tag: '1'\n",
        f"{name}/templates/web.yaml": TEMPLATE,
        f"{name}/templates/before.yaml": HOOK % {"name": "before", "phase": "PreSync"},
        f"{name}/templates/behind.yaml": HOOK % {"name": "behind", "phase": "PostSync"},
        f"{name}/templates/old.yaml": OLD,
    }


def second(name: str) -> dict[str, str | None]:
    """What the second version changes: every object, and one goes."""
    return {f"{name}/values.yaml": "tag: '2'\n", f"{name}/templates/old.yaml": None}


async def differences(cluster: Cluster, home: str, name: str, tag: str) -> list[str]:
    """In what the namespace of an Application is not as this version says; empty: in nothing."""
    found: dict[str, Object] = {}
    kinds: dict[str, str] = {}
    for version, plural, kind in KINDS:
        kinds[plural] = kind
        listed = await cluster.request("GET", collection(version, plural, name))
        found |= {f"{plural}/{item['metadata']['name']}": item for item in listed["items"]}
    for born_there in ("configmaps/kube-root-ca.crt", "serviceaccounts/default"):
        found.pop(born_there, None)
    wanted = _wanted(tag)
    said = [f"{key} should not be there" for key in found.keys() - wanted.keys()]
    said += [f"{key} is missing" for key in wanted.keys() - found.keys()]
    for key in sorted(found.keys() & wanted.keys()):
        has = wanted[key][0](found[key])
        if has != wanted[key][1]:
            said.append(f"{key} has {has}, not {wanted[key][1]}")
        said += [f"{key} {problem}" for problem in unowned(found[key], kinds[key.partition("/")[0]], f"{home}.{name}")]
    return said


def unowned(item: Object, kind: str, owner: str) -> Iterator[str]:
    """Which of the three marks of ownership are missing, read without Pilothouse's own code."""
    metadata = item["metadata"]
    if (metadata.get("labels") or {}).get(LABEL) != owner:
        yield "has no label"
    tracking_id = (metadata.get("annotations") or {}).get(TRACKING)
    if tracking_id != f"default/{owner}:{kind}:{metadata['namespace']}/{metadata['name']}":
        yield f"has the tracking id {tracking_id}"
    entries = [entry for entry in metadata["managedFields"] if entry["manager"] == "pilothouse"]
    if not any(f"f:{LABEL}" in entry["fieldsV1"]["f:metadata"].get("f:labels", {}) for entry in entries):
        yield "has a label that is not owned by pilothouse"


def _wanted(tag: str) -> dict[str, tuple[Any, Any]]:
    """Object -> how to read what tells the versions apart, and what it is to be."""

    def image(item: Object) -> Any:
        return item["spec"]["template"]["spec"]["containers"][0]["image"]

    password = base64.b64encode(f"secret-{tag}".encode()).decode()
    wanted = {
        "configmaps/settings": (lambda item: item["data"], {"tag": tag}),
        "secrets/password": (lambda item: item["data"], {"password": password}),
        "services/web": (lambda item: item["spec"]["ports"][0]["name"], f"v{tag}"),
        "deployments/web": (image, f"registry.example.org/web:{tag}"),
        **{f"jobs/{hook}": (image, f"registry.example.org/job:{tag}") for hook in HOOKS},
    }
    if tag == "1":
        wanted["configmaps/old"] = (lambda item: item["data"], {"tag": tag})
    return wanted
