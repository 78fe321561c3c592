"""The container images that objects run, for the summary of an Application."""

from collections.abc import Iterable, Mapping
from typing import Any

TEMPLATES = (("spec",), ("spec", "template", "spec"), ("spec", "jobTemplate", "spec", "template", "spec"))
"""Where a pod's spec stands: a Pod, a workload or Job, a CronJob."""


def images_of(bodies: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Every image once, sorted. Anything of an unexpected shape is passed over."""
    found: set[str] = set()
    for body in bodies:
        for path in TEMPLATES:
            spec = _down(body, path)
            for name in ("containers", "initContainers"):
                containers = spec.get(name) if isinstance(spec, Mapping) else None
                if isinstance(containers, list):  # a custom resource may count them
                    found |= {item["image"] for item in containers if _has_image(item)}
    return tuple(sorted(found))


def _has_image(item: object) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get("image"), str)


def _down(body: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body
