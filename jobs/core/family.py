"""An application's objects in the cluster and what controllers made of them: Deployments have ReplicaSets, those Pods.

Parents are told by uid (https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/). Of each
object only its name, age, health and images are shown, nothing that it holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobs.core.health import assess
from jobs.core.health_status import Health, HealthStatus
from jobs.core.images import images_of
from jobs.core.objects import ObjectId, group_and_version, identity, metadata_of

GROWN = (
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("", "Pod"),
)
"""Kinds that controllers make of other objects and whose health says something: all that is looked for."""
Body = Mapping[str, Any]


def resource_tree(owned: Iterable[Body], others: Iterable[Body], listed: object) -> list[dict[str, Any]]:
    """Nodes as Argo CD's API has them: the owned objects, their descendants among the others, and what is missing.

    listed: `.status.resources`, which names what is wanted. Owners that go in a circle are shown once.
    https://cd.apps.argoproj.io/swagger-ui (ApplicationService_ResourceTree)
    """
    nodes: dict[str, dict[str, Any]] = {}
    families = _families(others)
    generation = [(body, "") for body in owned]
    while generation:
        fresh = [(body, parent) for body, parent in generation if _uid(body) not in nodes]
        nodes |= {_uid(body): _node(body, nodes.get(parent)) for body, parent in fresh}
        generation = [(child, _uid(body)) for body, _ in fresh for child in families.get(_uid(body), ())]
    there = {tuple(node.get(name, "") for name in ("group", "kind", "namespace", "name")) for node in nodes.values()}
    return [*nodes.values(), *_missing(listed, there)]


def _families(bodies: Iterable[Body]) -> dict[str, list[Body]]:
    """uid of an owner -> what it owns."""
    found: dict[str, list[Body]] = {}
    for body in bodies:
        for owner in metadata_of(body).get("ownerReferences") or ():
            if isinstance(owner, Mapping):
                found.setdefault(str(owner.get("uid")), []).append(body)
    return found


def _uid(body: Body) -> str:
    return str(metadata_of(body).get("uid") or identity(body))


def _node(body: Body, parent: Mapping[str, Any] | None) -> dict[str, Any]:
    metadata = metadata_of(body)
    _, version = group_and_version(str(body.get("apiVersion") or ""))
    node = _named(identity(body), version)
    node |= {"uid": _uid(body), "resourceVersion": str(metadata.get("resourceVersion") or "")}
    if metadata.get("creationTimestamp"):
        node["createdAt"] = str(metadata["creationTimestamp"])
    if images := images_of([body]):
        node["images"] = list(images)
    if parent is not None:
        names = ("group", "kind", "namespace", "name", "uid")
        node["parentRefs"] = [{name: parent[name] for name in names if name in parent}]
    return _with_health(node, assess(body))


def _missing(listed: object, there: set[tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    """What the last comparison wanted, and what is not in the cluster; hooks come and go."""
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, Mapping) and not entry.get("hook") and not entry.get("requiresPruning"):
            key = tuple(str(entry.get(name) or "") for name in ("group", "kind", "namespace", "name"))
            health = entry.get("health")
            if key not in there and isinstance(health, Mapping) and health.get("status") == HealthStatus.MISSING:
                named = _named(ObjectId(*key), str(entry.get("version") or ""))
                yield _with_health(named, Health(HealthStatus.MISSING))


def _named(target: ObjectId, version: str) -> dict[str, Any]:
    named = {"group": target.group, "version": version, "kind": target.kind, "namespace": target.namespace}
    return {name: value for name, value in named.items() if value} | {"name": target.name}


def _with_health(node: dict[str, Any], health: Health | None) -> dict[str, Any]:
    if health is None:
        return node
    said = {"status": str(health.status)}
    return node | {"health": said | ({"message": health.message} if health.message else {})}
