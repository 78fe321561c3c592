"""A rendered object made fit for server-side apply."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.desired import prepared
from jobs.core.objects import ObjectId, manifest_of
from tests.builders import a_body
from tests.jobs.core.hostile import JSON, twisted

POD = a_body(
    "Pod",
    metadata={"labels": {"a": "b", "c": None}, "annotations": {}, "creationTimestamp": None, "uid": "u"},
    spec={
        "containers": [{"name": "a", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}],
        "volumes": [{"name": "v"}],
    },
    status={},
    stringData={"a": "b"},
    data={"a": "Yg=="},
)


def fit(body: dict[str, Any], target: ObjectId | None = None) -> dict[str, Any]:
    manifest = manifest_of(body)
    return dict(prepared(manifest, target or manifest.id)[0].body)


@given(twisted(POD) | twisted({**POD, "kind": "Secret"}) | st.dictionaries(st.sampled_from([*POD]), JSON))
def test_any_body_is_prepared_and_preparing_it_again_changes_nothing(body: dict[str, Any]) -> None:
    target = ObjectId("", str(body.get("kind")), "shop", "web")
    once, _ = prepared(manifest_of(body), target)
    twice, warnings = prepared(once, target)
    assert (twice, warnings) == (once, ())
    assert once.body["metadata"]["name"] == "web"


def test_what_the_server_sets_and_what_is_empty_is_dropped() -> None:
    body = fit(POD)
    assert body["metadata"] == {"name": "web", "namespace": "shop", "labels": {"a": "b"}}
    assert "status" not in body


def test_labels_of_nothing_but_nulls_are_no_labels() -> None:
    assert "labels" not in fit(a_body(metadata={"labels": {"a": None}}))["metadata"]


def test_the_target_gives_name_and_namespace() -> None:
    hook = manifest_of(a_body("Job", metadata={"name": None, "generateName": "migrate-", "namespace": None}))
    body = prepared(hook, ObjectId("batch", "Job", "shop", "migrate-cccc"))[0].body
    assert body["metadata"] == {"name": "migrate-cccc", "namespace": "shop"}
    cluster_wide = prepared(manifest_of(a_body()), ObjectId("", "ConfigMap", "", "web"))[0]
    assert "namespace" not in cluster_wide.body["metadata"]


def test_string_data_becomes_data_and_wins() -> None:
    body = fit(a_body("Secret", stringData={"a": "new", "empty": None}, data={"a": "b2xk", "b": "Yg=="}))
    assert body["data"] == {"a": base64.b64encode(b"new").decode(), "b": "Yg==", "empty": ""}
    assert "stringData" not in body


def test_secret_data_of_another_shape_is_left_for_the_api_server_to_refuse() -> None:
    body = fit(a_body("Secret", stringData={"a": "b"}, data="text"))
    assert (body["data"], body["stringData"]) == ("text", {"a": "b"})


def test_of_duplicate_list_keys_the_last_wins_with_a_warning() -> None:
    found, warnings = prepared(manifest_of(POD), manifest_of(POD).id)
    assert found.body["spec"]["containers"][0]["env"] == [{"name": "A", "value": "2"}]
    assert warnings == ("Pod shop/web: env names A more than once; the last one is used",)


@pytest.mark.parametrize(
    "items", [[{"key": "A"}, {"key": "B"}], [{"name": "a"}, {"path": "/b"}, {"path": "/c"}], ["a", "a"], [{}, {}]]
)
def test_a_list_whose_items_have_no_such_key_is_left_alone(items: list[Any]) -> None:
    body = a_body("Widget", apiVersion="example.org/v1", spec={"env": items, "volumes": items})
    assert fit(body)["spec"] == {"env": items, "volumes": items}


def test_an_operation_of_a_child_application_is_not_applied() -> None:
    child = a_body("Application", apiVersion="argoproj.io/v1alpha1", operation={"sync": {}})
    assert "operation" not in fit(child)
    assert "operation" in fit(a_body(operation={"a": 1}))


def test_rules_that_the_server_gathers_are_not_applied() -> None:
    role = a_body("ClusterRole", aggregationRule={"clusterRoleSelectors": []}, rules=[{"verbs": ["get"]}])
    assert "rules" not in fit(role)
    assert "rules" in fit(a_body("ClusterRole", rules=[]))
