"""Merge, JSON and strategic patches."""

from typing import Any

import pytest

from deploy.sandbox import patch
from deploy.sandbox.errors import ApiError
from deploy.sandbox.strategic import strategic_merge
from tests.sandbox.nodes import resource


@pytest.mark.parametrize(
    ("target", "change", "result"),
    [  # https://www.rfc-editor.org/rfc/rfc7386#appendix-A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches(target: Any, change: Any, result: Any) -> None:
    assert patch.merge(target, change) == result


def test_a_json_patch_leaves_its_target_alone() -> None:
    target = {"a": {"b": 1}}
    assert patch.json_patch(target, [{"op": "replace", "path": "/a/b", "value": 2}]) == {"a": {"b": 2}}
    assert target == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([{"op": "test", "path": "/a", "value": 2}], 422),
        ([{"op": "remove", "path": "/none"}], 422),
        ([{"op": "add", "path": "/none/x", "value": 1}], 422),
        ([{"op": "odd", "path": "/a"}], 400),
        ([{"path": "/a"}], 400),
        ([1], 400),
        ("text", 400),
        ({"op": "remove"}, 400),
    ],
)
def test_a_json_patch_that_fails(operations: Any, code: int) -> None:
    with pytest.raises(ApiError) as caught:
        patch.json_patch({"a": 1}, operations)
    assert caught.value.code == code


def strategic(target: Any, change: Any) -> Any:
    return strategic_merge({"spec": target}, {"spec": change}, resource("Pod").node)["spec"]


def test_lists_merge_by_their_merge_key() -> None:
    target = {"containers": [{"name": "a", "image": "1"}, {"name": "b"}], "tolerations": [{"key": "x"}]}
    change = {"containers": [{"name": "a", "env": [{"name": "E"}]}, {"name": "c"}], "tolerations": [{"key": "y"}]}
    assert strategic(target, change) == {
        "containers": [{"name": "a", "image": "1", "env": [{"name": "E"}]}, {"name": "b"}, {"name": "c"}],
        "tolerations": [{"key": "y"}],
    }


def test_directives_delete_and_replace() -> None:
    target = {"containers": [{"name": "a"}, {"name": "b"}], "nodeSelector": {"x": "y"}}
    assert strategic(target, {"containers": [{"name": "a", "$patch": "delete"}]})["containers"] == [{"name": "b"}]
    replaced = strategic(target, {"containers": [{"name": "c"}, {"$patch": "replace"}]})
    assert replaced["containers"] == [{"name": "c"}]
    assert strategic(target, {"nodeSelector": {"$patch": "replace", "z": "1"}})["nodeSelector"] == {"z": "1"}
    assert strategic(target, {"nodeSelector": None}) == {"containers": target["containers"]}


def test_lists_of_text_grow_and_shrink() -> None:
    node = resource("ConfigMap").node
    target = {"metadata": {"finalizers": ["a", "b"]}}
    grown = strategic_merge(target, {"metadata": {"finalizers": ["b", "c"]}}, node)
    assert grown["metadata"]["finalizers"] == ["a", "b", "c"]
    shrunk = strategic_merge(target, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}, node)
    assert shrunk["metadata"]["finalizers"] == ["b"]


def test_retained_keys_are_all_that_stays() -> None:
    node = resource("Deployment", "apps/v1").node
    target = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    change = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge(target, change, node)["spec"]["strategy"] == {"type": "Recreate"}
