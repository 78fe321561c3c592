"""The three marks of ownership."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.errors import InvalidSpecError
from jobs.core.inventory import (
    LABEL,
    TRACKING_ID,
    Owner,
    is_candidate,
    is_labelled,
    is_marked,
    label_value,
    marked,
    other_owner,
    owned_by,
    tracked_by,
)
from jobs.core.objects import ObjectId, manifest_of
from tests.builders import OWNER, a_body, a_live, a_manifest

NAMESPACE = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
NAME = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,80}[a-z0-9])?", fullmatch=True)


@given(NAMESPACE, NAME)
def test_a_label_value_is_one_the_api_server_takes(namespace: str, name: str) -> None:
    assert len(label_value(namespace, name)) <= 63
    assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", label_value(namespace, name))


@given(st.tuples(NAMESPACE, NAME), st.tuples(NAMESPACE, NAME))
def test_two_applications_have_two_label_values(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (label_value(*one) == label_value(*other)) == (one == other)


def test_long_names_that_differ_only_at_the_end_have_two_label_values() -> None:
    assert label_value("a", "x" * 80 + "1") != label_value("a", "x" * 80 + "2")


def test_whoever_changes_the_value_of_the_label_leaves_the_object_in_sight() -> None:
    assert is_labelled(a_live(a_manifest(), metadata={"labels": {LABEL: "somebody.else"}}))
    assert not is_labelled(a_live(a_manifest(), metadata={"labels": None}))
    assert not is_labelled({"metadata": None})


def test_an_object_with_all_marks_is_owned() -> None:
    live = a_live(a_manifest())
    assert owned_by(live, OWNER)
    assert tracked_by(live) == "default/pilothouse.web"
    assert other_owner(live, OWNER) == ""
    assert other_owner(live, Owner("default", "pilothouse", "b")) == "default/pilothouse.web"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"metadata": {"labels": {LABEL: "pilothouse.other"}}},
        {"metadata": {"annotations": {TRACKING_ID: OWNER.tracking_id(ObjectId("", "ConfigMap", "shop", "other"))}}},
        {"metadata": {"managedFields": []}},
        {"metadata": {"name": "copy"}},
        {"metadata": {"namespace": "elsewhere"}},
        {"kind": "Secret"},
    ],
)
def test_one_mark_that_is_wrong_makes_it_foreign(spoilt: dict[str, Any]) -> None:
    live = a_live(a_manifest(), **spoilt)
    assert not owned_by(live, OWNER)


def test_marks_go_on_metadata_only_and_keep_what_is_there() -> None:
    template = {"metadata": {"labels": {"app": "web"}}}
    body = a_body("Deployment", metadata={"labels": {"app": "web"}}, spec={"template": template})
    manifest = manifest_of(body)
    sent = marked(manifest, OWNER)
    assert sent["metadata"]["labels"] == {"app": "web", LABEL: "pilothouse.web"}
    assert sent["spec"] == {"template": template}
    assert body["metadata"]["labels"] == {"app": "web"}, "the rendered object is left as it was"
    assert is_marked(manifest_of(sent))
    assert not is_marked(manifest)


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize("value", ["text", ["a"], 7])
def test_labels_or_annotations_that_are_no_map_are_an_error_that_names_the_object(field: str, value: object) -> None:
    with pytest.raises(InvalidSpecError, match=rf"ConfigMap shop/web\.metadata\.{field} must be a mapping"):
        marked(manifest_of(a_body(metadata={field: value})), OWNER)


@pytest.mark.parametrize(
    ("body", "candidate"),
    [
        (a_body(), True),
        (a_body("Endpoints"), False),
        (a_body("EndpointSlice", apiVersion="discovery.k8s.io/v1"), False),
        (a_body("Endpoints", apiVersion="example.org/v1"), True),
        (a_body(metadata={"ownerReferences": [{"controller": True}]}), False),
        (a_body(metadata={"ownerReferences": [{"controller": False}, "x"]}), True),
    ],
)
def test_copies_and_children_are_no_candidates(body: dict[str, Any], candidate: bool) -> None:
    assert is_candidate(body) is candidate
