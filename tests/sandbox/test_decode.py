"""Reading objects as their kinds."""

from typing import Any

import pytest

from deploy.sandbox.decode import Decoded
from deploy.sandbox.errors import ApiError
from tests.sandbox.nodes import resource


def decoded(kind: str, obj: Any, api_version: str = "v1") -> Decoded:
    return Decoded(obj, resource(kind, api_version))


def test_unknown_fields_go_and_are_named() -> None:
    pod = {"metadata": {"name": "p", "x": 1}, "spec": {"containers": [{"name": "c", "y": {"z": 1}}]}, "w": 1}
    found = decoded("Pod", pod)
    assert found.unknown == ["metadata.x", "spec.containers[0].y", "w"]
    assert found.obj["metadata"] == {"name": "p"}
    assert found.obj["spec"] == {"containers": [{"name": "c", "resources": {}}]}


def test_nothing_of_the_input_is_shared() -> None:
    claims = {"data": {"k": "v"}, "metadata": {"name": "a", "labels": {"a": "b"}}}
    found = decoded("ConfigMap", claims).obj
    found["data"]["k"] = "changed"
    found["metadata"]["labels"]["a"] = "changed"
    assert claims == {"data": {"k": "v"}, "metadata": {"name": "a", "labels": {"a": "b"}}}


def test_maps_without_meaning_go_and_pointers_stay() -> None:
    volume = {"name": "v", "emptyDir": {}}
    pod = {"metadata": {"labels": {}, "annotations": None}, "spec": {"volumes": [volume], "hostAliases": []}}
    found = decoded("Pod", pod).obj
    assert found["metadata"] == {}
    assert found["spec"] == {"volumes": [volume]}


@pytest.mark.parametrize(
    ("obj", "path"),
    [
        ({"spec": {"replicas": "1"}}, "spec.replicas"),
        ({"spec": {"replicas": True}}, "spec.replicas"),
        ({"spec": {"replicas": 1.5}}, "spec.replicas"),
        ({"spec": {"paused": "yes"}}, "spec.paused"),
        ({"spec": []}, "spec"),
        ({"spec": {"template": {"spec": {"containers": {"name": "c"}}}}}, "spec.template.spec.containers"),
        ({"metadata": {"labels": {"a": 1}}}, "metadata.labels.a"),
    ],
)
def test_wrong_types_are_400_with_their_path(obj: Any, path: str) -> None:
    with pytest.raises(ApiError) as caught:
        decoded("Deployment", obj, "apps/v1")
    assert caught.value.code == 400
    assert f"Deployment.{path} of type" in caught.value.message


def test_deep_nesting_is_400() -> None:
    deep: Any = {}
    for _ in range(5000):
        deep = {"properties": {"x": deep}}
    versions = [{"name": "v1", "schema": {"openAPIV3Schema": deep}}]
    with pytest.raises(ApiError) as caught:
        decoded("CustomResourceDefinition", {"spec": {"versions": versions}}, "apiextensions.k8s.io/v1")
    assert (caught.value.code, caught.value.message) == (400, "the object is nested too deeply")
