"""The source key: equal for equal input, another for any other."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.render_request import RenderRequest, RepoFile, Tool
from jobs.core.source import Parameter
from jobs.core.source_key import Facts, SourceInputs, source_key

REQUEST = RenderRequest(
    Tool.HELM,
    archives={},
    path="charts/web",
    release_name="web",
    namespace="shop",
    kube_version="v1.36.3",
    values_object={"a": 1, "b": {"c": 2}},
    parameters=(Parameter("a", "b"),),
    value_files=(RepoFile("charts/web/values.yaml"),),
)
OBJECTS = {":charts/web": "1" * 40, ":charts/web/values.yaml": "2" * 40}
FACTS = Facts("v1.36.3", ("v1", "apps/v1"))


def key(
    request: RenderRequest = REQUEST, objects: Any = None, facts: Facts = FACTS, name: str = "a/web", by: str = "h"
) -> str:
    return source_key(name, [SourceInputs(request, objects or OBJECTS)], facts, by)


def test_a_key_is_32_hexadecimal_signs() -> None:
    assert len(key()) == 32
    int(key(), 16)


@pytest.mark.parametrize(
    "change",
    [
        {"path": "charts/other"},
        {"release_name": "other"},
        {"namespace": "other"},
        {"kube_version": "v1.35.0"},
        {"api_versions": ("v1",)},
        {"values": "a: 1"},
        {"values_object": {"a": 2, "b": {"c": 2}}},
        {"values_object": None},
        {"parameters": (Parameter("a", "b", True),)},
        {"parameters": (Parameter("a", "b"), Parameter("a", "b"))},
        {"file_parameters": (("a", RepoFile("f")),)},
        {"value_files": ()},
        {"value_files": (RepoFile("charts/web/values.yaml", "values"),)},
        {"skip_crds": True},
        {"skip_tests": True},
        {"skip_schema_validation": True},
        {"tool": Tool.DIRECTORY},
        {"recurse": True},
        {"include": "*.yaml"},
        {"exclude": "*.yaml"},
    ],
)
def test_any_other_option_is_another_key(change: dict[str, Any]) -> None:
    assert key(replace(REQUEST, **change)) != key()


def test_any_other_file_cluster_name_or_renderer_is_another_key() -> None:
    others = [
        key(objects={**OBJECTS, ":charts/web": "3" * 40}),
        key(objects={":charts/web": "1" * 40}),
        key(facts=Facts("v1.35.0", FACTS.api_versions)),
        key(facts=Facts(FACTS.kube_version, ("v1",))),
        key(name="a/other"),
        key(by="h2"),
        source_key("a/web", [SourceInputs(REQUEST, OBJECTS)] * 2, FACTS, "h"),
    ]
    assert len({key(), *others}) == len(others) + 1


def test_the_order_of_keys_and_of_api_versions_does_not_count() -> None:
    assert key(replace(REQUEST, values_object={"b": {"c": 2}, "a": 1})) == key()
    assert key(objects=dict(reversed(OBJECTS.items()))) == key()
    assert key(facts=Facts("v1.36.3", ("apps/v1", "v1"))) == key()


def test_the_order_of_value_files_counts() -> None:
    files = (RepoFile("a"), RepoFile("b"))
    assert key(replace(REQUEST, value_files=files)) != key(replace(REQUEST, value_files=files[::-1]))


@given(st.dictionaries(st.text(max_size=5), st.integers(0, 9) | st.text(max_size=5), max_size=4), st.randoms())
def test_values_in_any_order_have_one_key(values: dict[str, Any], shuffle: Any) -> None:
    items = list(values.items())
    shuffle.shuffle(items)
    assert key(replace(REQUEST, values_object=values)) == key(replace(REQUEST, values_object=dict(items)))
