"""What controllers made of an application's objects: all workloads and Pods of the namespaces where it has objects.

Reads only. Which of them descend from the application's objects is decided in core/family.py.
"""

from collections.abc import Iterable
from typing import Any

from jobs.core.discovery import ApiResource
from jobs.core.errors import KubeError
from jobs.core.family import GROWN
from jobs.kube import Kube
from jobs.together import together

Json = dict[str, Any]

PARALLEL = 8
"""Lists that are under way at once."""


async def grown(namespaces: Iterable[str], kube: Kube) -> tuple[list[Json], list[str]]:
    """The objects, and a sentence for each list that failed: a worker may see less than it deploys."""
    discovery = await kube.discovery()
    kinds = [found for group, kind in GROWN if (found := discovery.find(group, kind))]
    places = [(kind, namespace) for namespace in sorted(set(namespaces)) for kind in kinds]
    answers = await together((_listed(kind, namespace, kube) for kind, namespace in places), at_once=PARALLEL)
    bodies = [body for items, _ in answers for body in items]
    return bodies, [problem for _, problem in answers if problem]


async def _listed(kind: ApiResource, namespace: str, kube: Kube) -> tuple[tuple[Json, ...], str]:
    try:
        return (await kube.list(kind, namespace, cached=True)).items, ""
    except KubeError as error:
        return (), f"{kind.kind} in namespace {namespace} cannot be listed: {error.message}"
