"""Renders deploy/chart as Helm does, in a process of its own: helm_python must not be loaded where pytest forks."""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart"
NAMESPACE = "pilothouse"

Object = dict[str, Any]
Values = Mapping[str, Any]

_RENDER = """
import json, sys
import helm_python
from helm_python import _native
folder, values, options = json.load(sys.stdin)
with helm_python.Chart.load(folder) as chart:
    try:
        rendered = _native.call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options))
        print(json.dumps({"files": json.loads(rendered), "crds": [crd["data"] for crd in chart.crds]}))
    except helm_python.HelmError as error:
        print(json.dumps({"error": str(error)}))
"""


class ChartError(Exception):
    """Helm refused the chart or the values, in Helm's words."""


def render(values: Values | None = None, namespace: str = NAMESPACE, name: str = "pilothouse") -> list[Object]:
    """All objects of the chart without CRDs. Raises ChartError."""
    files = _rendered(json.dumps(values or {}), namespace, name)["files"]
    texts = [text for path, text in sorted(files.items()) if not path.endswith("NOTES.txt")]
    return [body for text in texts for body in yaml.safe_load_all(text) if body]


def notes(values: Values | None = None) -> str:
    """What the user reads after the installation."""
    files = _rendered(json.dumps(values or {}), NAMESPACE, "pilothouse")["files"]
    return str(next(text for path, text in files.items() if path.endswith("NOTES.txt")))


def crds() -> list[Object]:
    """The CRDs as Helm would install them."""
    return [yaml.safe_load(text) for text in _rendered("{}", NAMESPACE, "pilothouse")["crds"]]


def one(objects: list[Object], kind: str, name: str, namespace: str | None = None) -> Object:
    """The one object of that kind and name."""
    found = [
        body
        for body in objects
        if (body["kind"], body["metadata"]["name"]) == (kind, name)
        and namespace in (None, body["metadata"].get("namespace"))
    ]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def pod_of(body: Object) -> Object:
    """The pod spec of a workload."""
    spec: Object = body["spec"]["template"]["spec"]
    return spec


@cache
def _rendered(values: str, namespace: str, name: str) -> Any:
    options = {"name": name, "namespace": namespace, "is_install": True, "kube_version": "v1.36.3"}
    told = json.dumps([str(CHART), json.loads(values), options])
    done = subprocess.run([sys.executable, "-c", _RENDER], input=told, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise ChartError(answer["error"])
    return answer
