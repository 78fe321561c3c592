"""What an application's objects grew into."""

from typing import Any

from jobs.core.family import resource_tree
from tests.builders import Json, a_body


def named(nodes: list[Json]) -> list[str]:
    return [f"{node['kind']}/{node['name']}" for node in nodes]


def grown(kind: str, name: str, *owners: str, **rest: Any) -> Json:
    """An object that these uids own; its own uid is its name."""
    references = [{"apiVersion": "apps/v1", "kind": "X", "name": owner, "uid": owner} for owner in owners]
    versions = {"ReplicaSet": "apps/v1", "Pod": "v1", "ConfigMap": "v1", "Deployment": "apps/v1"}
    metadata = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "5", "ownerReferences": references}
    return {"apiVersion": versions[kind], "kind": kind, "metadata": metadata, **rest}


POD = {"spec": {"containers": [{"image": "web:1"}], "nodeName": "n"}, "status": {"phase": "Pending"}}


def test_descendants_follow_their_owners_with_health_and_images_and_nothing_else() -> None:
    web = grown("Deployment", "web", metadata_extra=1)
    web["metadata"] |= {"creationTimestamp": "2026-11-01T12:00:00Z", "annotations": {"note": "private"}}
    others = [grown("Pod", "p", "rs", **POD), grown("ReplicaSet", "rs", "web"), grown("Pod", "stranger", "elsewhere")]
    nodes = resource_tree([web], others, None)
    assert named(nodes) == ["Deployment/web", "ReplicaSet/rs", "Pod/p"]
    assert nodes[0]["createdAt"] == "2026-11-01T12:00:00Z"
    assert nodes[2] == {
        "version": "v1",
        "kind": "Pod",
        "namespace": "shop",
        "name": "p",
        "uid": "p",
        "resourceVersion": "5",
        "images": ["web:1"],
        "parentRefs": [{"group": "apps", "kind": "ReplicaSet", "namespace": "shop", "name": "rs", "uid": "rs"}],
        "health": {"status": "Progressing", "message": "the Pod has not started yet"},
    }
    assert "private" not in repr(nodes)


def test_an_owned_object_that_another_owns_is_shown_once() -> None:
    web, rs = grown("Deployment", "web"), grown("ReplicaSet", "rs", "web")
    nodes = resource_tree([web, rs], [rs], None)
    assert named(nodes) == ["Deployment/web", "ReplicaSet/rs"]


def test_owners_in_a_circle_end() -> None:
    one, two = grown("Pod", "one", "two"), grown("Pod", "two", "one")
    assert named(resource_tree([one], [one, two], None)) == ["Pod/one", "Pod/two"]


def test_what_is_wanted_and_not_there_is_missing() -> None:
    listed = [
        {"kind": "ConfigMap", "version": "v1", "namespace": "shop", "name": "gone", "health": {"status": "Missing"}},
        {"kind": "ConfigMap", "version": "v1", "namespace": "shop", "name": "web", "health": {"status": "Missing"}},
        {"kind": "Job", "group": "batch", "name": "hook", "hook": True, "health": {"status": "Missing"}},
        {"kind": "Service", "name": "well", "health": {"status": "Healthy"}},
        "nonsense",
        {"kind": "Secret", "name": "odd", "health": "Missing"},
    ]
    nodes = resource_tree([a_body("ConfigMap", "web")], [], listed)
    assert named(nodes) == ["ConfigMap/web", "ConfigMap/gone"]
    assert nodes[1]["health"] == {"status": "Missing"}


def test_owners_that_make_no_sense_are_nobodys() -> None:
    odd = grown("Pod", "odd")
    odd["metadata"]["ownerReferences"] = ["web", None]
    assert named(resource_tree([grown("Deployment", "web")], [odd], {})) == ["Deployment/web"]
