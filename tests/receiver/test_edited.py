"""What is sent to the API server when somebody writes an Application."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.edited import created, finalizers_for, replaced
from receiver.errors import Changed, FieldError, Invalid
from tests.builders import an_application_body, merged

FINALIZER = "resources-finalizer.argocd.argoproj.io"
LIVE = an_application_body(
    metadata={"annotations": {"pilothouse.dev/run": "1", "a": "1"}, "labels": {"l": "1"}, "managedFields": [{"x": 1}]},
    status={"sync": {"status": "Synced"}},
)


def wrong(body: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as caught:
        created(body, "pilothouse")
    return [error.field for error in caught.value.errors]


def test_of_a_new_one_only_what_a_person_writes_is_sent() -> None:
    body = an_application_body(
        metadata={"labels": {"l": "1"}, "annotations": {"note": "x", "pilothouse.dev/source-key": "stolen"}},
        status={"health": {"status": "Healthy"}},
    )
    assert created(body, "pilothouse") == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": "web",
            "namespace": "pilothouse",
            "labels": {"l": "1"},
            "annotations": {"note": "x"},
        },
        "spec": body["spec"],
    }


def test_a_new_one_needs_no_kind_but_a_name() -> None:
    body = {"metadata": {"name": "web"}, "spec": an_application_body()["spec"]}
    assert created(body, "pilothouse")["kind"] == "Application"
    assert wrong({**body, "metadata": {}}) == ["metadata.name"]
    assert wrong({"spec": body["spec"]}) == ["metadata"]
    assert wrong({**body, "operation": {"sync": {}}}) == ["operation"]


def test_a_change_keeps_what_is_not_a_persons() -> None:
    spec = an_application_body()["spec"] | {"project": "web"}
    sent = replaced({"metadata": {"annotations": {"b": "2", "pilothouse.dev/run": "9"}}, "spec": spec}, LIVE)
    assert sent["metadata"]["annotations"] == {"b": "2", "pilothouse.dev/run": "1"}
    assert "labels" not in sent["metadata"]
    assert (sent["metadata"]["managedFields"], sent["metadata"]["resourceVersion"]) == ([{"x": 1}], "7")
    assert (sent["status"], sent["spec"]) == (LIVE["status"], spec)


def test_a_change_may_send_everything_back_as_it_was_read() -> None:
    live = merged(LIVE, {"operation": {"sync": {"prune": True}}})
    assert replaced(copy.deepcopy(live), live) == live


def test_a_change_of_another_object_of_the_name_is_refused() -> None:
    with pytest.raises(Changed):
        replaced(merged(LIVE, {"metadata": {"uid": "other"}}), LIVE)


def test_fields_that_are_unknown_or_have_another_type_are_all_named() -> None:
    spec = merged(an_application_body()["spec"], {"zone": 1, "source": {"pth": 1, "helm": {"skipCrd": True}}})
    spec["syncPolicy"] = {"automated": {"prune": True, "x": 1}, "syncOptions": ["a", None]}
    spec["info"] = [{"name": "n"}]
    fields = wrong({"metadata": {"name": "web", "labels": {"a": 1}}, "spec": spec})
    assert set(fields) >= {
        "metadata.labels[...]",
        "spec.zone",
        "spec.source.pth",
        "spec.source.helm.skipCrd",
        "spec.syncPolicy.automated.x",
        "spec.info[0].value",
    }
    assert "spec.info" not in fields


def test_null_is_the_same_as_no_field() -> None:
    spec = merged(an_application_body()["spec"], {"source": {"helm": {"values": ""}}})
    spec["syncPolicy"] = {"automated": None, "retry": None}
    assert created({"metadata": {"name": "web", "labels": None}, "spec": spec}, "pilothouse")["spec"] == spec


@pytest.mark.parametrize(
    ("before", "cascade", "after"),
    [
        ([], True, [FINALIZER]),
        (["x/y"], True, ["x/y", FINALIZER]),
        ([f"{FINALIZER}/foreground"], True, None),
        ([], False, None),
        ([FINALIZER, f"{FINALIZER}/background", "x/y"], False, ["x/y"]),
    ],
)
def test_the_finalizer_says_whether_objects_go_along(before: list[str], cascade: bool, after: list[str] | None) -> None:
    assert finalizers_for(merged(LIVE, {"metadata": {"finalizers": before}}), cascade=cascade) == after


def test_to_what_is_going_no_finalizer_is_added() -> None:
    assert finalizers_for(merged(LIVE, {"metadata": {"deletionTimestamp": "now"}}), cascade=True) is None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
PLACES = st.sampled_from(
    ["metadata", "spec", "spec.source", "spec.syncPolicy", "spec.source.helm", "spec.info", "kind"]
)


@settings(max_examples=60)
@given(st.dictionaries(PLACES, JUNK, max_size=3))
def test_any_object_is_sent_or_refused_with_fields(planted: dict[str, Any]) -> None:
    body = an_application_body()
    for place, value in planted.items():
        *way, last = place.split(".")
        inner: Any = body
        for name in way:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[last] = value
    for write in (lambda: created(body, "pilothouse"), lambda: replaced(body, LIVE)):
        assert all(error.field and error.detail for error in refused(write))


def refused(write: Callable[[], object]) -> tuple[FieldError, ...]:
    try:
        write()
    except (Invalid, Changed) as error:
        return error.errors
    return ()
