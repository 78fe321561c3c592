"""Ownership of fields, on managedFields as a real API server (1.36) writes them."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.managed_fields import (
    Owner,
    fields_owned_by,
    locate,
    owners_of,
    owns_label,
    parse,
    removals,
    serialize,
    take_over,
)

OURS = "pilothouse"
HTTP = 'k:{"containerPort":80,"protocol":"TCP"}'
WEB = 'k:{"name":"web"}'


def an_entry(manager: str, fields: Any, operation: str = "Update", **more: Any) -> dict[str, Any]:
    entry = {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1"}
    return {**entry, "fieldsV1": fields, **more}


def a_deployment(*entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "resourceVersion": "41",
            "finalizers": ["a/b"],
            "labels": {"app": "web", "team": "red"},
            "managedFields": list(entries),
        },
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "spec": {
                    "containers": [
                        {"name": "side", "image": "side:1"},
                        {
                            "name": "web",
                            "image": "web:1",
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                            "ports": [
                                {"containerPort": 80, "protocol": "UDP"},
                                {"containerPort": 80, "protocol": "TCP"},
                            ],
                        },
                    ]
                }
            },
        },
    }


CONTAINER = {
    ".": {},
    "f:name": {},
    "f:image": {},
    "f:env": {".": {}, 'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
    "f:ports": {".": {}, HTTP: {".": {}, "f:containerPort": {}, "f:protocol": {}}},
}
FIELDS = {
    "f:metadata": {"f:finalizers": {".": {}, 'v:"a/b"': {}}, "f:labels": {".": {}, "f:app": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {"f:spec": {"f:containers": {WEB: CONTAINER}}},
    },
}
IN_WEB = ("spec", "template", "spec", "containers", 1)


def recorded() -> dict[str, Any]:
    """Applied with kubectl, scaled by an HPA, restarted, edited by hand and half applied by Helm, on 1.36."""
    path = Path(__file__).parent / "recorded/deployment-of-many-managers.yaml"
    return yaml.safe_load(path.read_text())


def wanted() -> dict[str, Any]:
    """What FIELDS came from: one container, and no protocol, which has a default."""
    body = a_deployment()
    del body["metadata"]["managedFields"], body["metadata"]["labels"]["team"]
    container = body["spec"]["template"]["spec"]["containers"][1]
    container["env"] = container["env"][:1]
    container["ports"] = [{"containerPort": 80, "protocol": "UDP"}, {"containerPort": 80}]
    body["spec"]["template"]["spec"]["containers"] = [container]
    return body


def test_a_set_holds_leaves_and_fields_marked_by_a_dot():
    assert parse({"f:a": {"f:b": {}, "f:c": {".": {}, "f:d": {}}}}) == (
        ("f:a", "f:b"),
        ("f:a", "f:c"),
        ("f:a", "f:c", "f:d"),
    )
    assert parse(None) == parse({}) == parse("nonsense") == ()


def test_a_recorded_set_is_written_as_it_was_read():
    assert serialize(parse(FIELDS)) == FIELDS


elements = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"', "i:0"])


@given(st.frozensets(st.lists(elements, min_size=1, max_size=5).map(tuple)))
def test_every_set_survives_writing_and_reading(paths):
    assert frozenset(parse(serialize(paths))) == paths


def test_a_very_deep_set_is_no_stack_overflow():
    deep = tuple("f:a" for _ in range(5000))
    assert parse(serialize([deep])) == (deep,)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("f:spec", "f:replicas"), ("spec", "replicas")),
        (("f:metadata", "f:finalizers", 'v:"a/b"'), ("metadata", "finalizers", 0)),
        (("f:metadata", "f:finalizers", 'v:"other"'), None),
        (("f:metadata", "f:finalizers", "i:0"), ("metadata", "finalizers", 0)),
        (("f:metadata", "f:finalizers", "i:1"), None),
        (("f:spec", "f:template", "f:spec", "f:containers", WEB, "f:ports", HTTP), (*IN_WEB, "ports", 1)),
        (("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"db"}'), None),
        (("f:spec", "f:template", "f:spec", "f:containers", "k:not json"), None),
        (("f:spec", "f:replicas", "f:deeper"), None),
    ],
)
def test_a_field_path_finds_its_place_in_real_lists(path, place):
    assert locate(a_deployment(), path) == place


def test_a_list_item_may_lack_the_part_of_its_key_that_has_a_default():
    ports = [{"port": 80, "protocol": "UDP"}, {"port": 80}]
    assert locate({"ports": ports}, ("f:ports", 'k:{"port":80,"protocol":"TCP"}')) == ("ports", 1)
    assert locate({"ports": ports}, ("f:ports", 'k:{"port":80,"protocol":"UDP"}')) == ("ports", 0)
    assert locate({"ports": ports}, ("f:ports", 'k:{"port":443,"protocol":"TCP"}')) is None


def test_true_is_not_one():
    assert locate({"set": [1, True]}, ("f:set", "v:true")) == ("set", 1)


def test_each_owner_of_a_field_is_named_with_its_subresource():
    scaled = an_entry("kube-controller-manager", {"f:spec": {"f:replicas": {}}}, subresource="scale")
    live = a_deployment(an_entry(OURS, FIELDS, "Apply"), scaled)
    both = (Owner(OURS, "Apply", ""), Owner("kube-controller-manager", "Update", "scale"))
    assert owners_of(live, ("spec", "replicas")) == both
    assert owners_of(live, (*IN_WEB, "env", 0, "value")) == both[:1]
    assert owners_of(live, (*IN_WEB, "env", 1, "value")) == ()
    assert owners_of(live, ("metadata", "labels", "team")) == ()


def test_the_owner_of_a_whole_map_owns_what_is_in_it():
    live = a_deployment(an_entry(OURS, FIELDS, "Apply"))
    assert owners_of(live, ("spec", "selector", "matchLabels", "app")) == (Owner(OURS, "Apply", ""),)
    assert owners_of(live, ("spec", "template")) == ()


def test_fields_are_counted_by_manager_and_operation_without_subresources():
    live = a_deployment(
        an_entry(OURS, {"f:a": {}}, "Apply"),
        an_entry(OURS, {"f:b": {}}),
        an_entry(OURS, {"f:c": {}}, subresource="status"),
    )
    assert fields_owned_by(live, OURS) == {("f:a",), ("f:b",)}
    assert fields_owned_by(live, OURS, "Apply") == {("f:a",)}


def test_a_label_copied_by_a_controller_is_not_ours():
    label = {"f:metadata": {"f:labels": {".": {}, "f:pilothouse.dev/application": {}}}}
    assert owns_label(a_deployment(an_entry(OURS, label, "Apply")), OURS, "pilothouse.dev/application")
    copied = a_deployment(an_entry("kube-controller-manager", label))
    assert not owns_label(copied, OURS, "pilothouse.dev/application")


def test_what_is_owned_and_no_longer_wanted_is_to_be_removed():
    live = a_deployment(an_entry(OURS, FIELDS, "Apply"))
    body = wanted()
    assert removals(live, OURS, body) == ()
    container = body["spec"]["template"]["spec"]["containers"][0]
    del container["env"], body["spec"]["replicas"]
    assert removals(live, OURS, body) == (
        ("spec", "replicas"),
        (*IN_WEB, "env"),
        (*IN_WEB, "env", 0),
        (*IN_WEB, "env", 0, "value"),
    )


def test_what_others_own_or_is_gone_already_is_not_to_be_removed():
    team = an_entry("kyverno", {"f:metadata": {"f:labels": {"f:team": {}}}})
    gone = an_entry(OURS, {"f:spec": {"f:paused": {}}}, "Apply")
    assert removals(a_deployment(team, gone), OURS, wanted()) == ()


def test_hand_edits_and_other_deployers_fields_are_to_be_removed_too():
    team = {"f:metadata": {"f:labels": {"f:team": {}}}}
    for manager in ("kubectl-edit", "kubectl-client-side-apply", "helm", "argocd-controller", "before-first-apply"):
        assert removals(a_deployment(an_entry(manager, team)), OURS, wanted()) == (("metadata", "labels", "team"),)


def test_of_a_recorded_object_only_what_git_does_not_set_is_to_be_removed():
    live = recorded()
    body = json.loads(live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
    dropped = removals(live, OURS, body)
    in_pod = ("spec", "template", "spec")
    by_hand_and_helm = {
        ("metadata", "labels", "by-hand"),
        (*in_pod, "containers", 0, "env", 0),
        (*in_pod, "containers", 0, "env", 0, "value"),
        ("metadata", "labels", "app.kubernetes.io/managed-by"),
        ("metadata", "finalizers", 0),
        ("spec", "revisionHistoryLimit"),
        ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"),
    }
    assert by_hand_and_helm <= set(dropped)
    others = {place for place in dropped if place[0] == "metadata"} - by_hand_and_helm
    assert others == {("metadata", "annotations")}
    defaults = {place[-1] for place in dropped if place[0] == "spec"} - {place[-1] for place in by_hand_and_helm}
    assert not defaults & {"replicas", "image", "ports", "containerPort", "protocol", "restartedAt", "selector"}


def test_a_recorded_object_is_taken_over_from_its_deployers_and_from_nobody_else():
    live = recorded()
    (_, operation) = take_over(live, OURS)
    left = [(entry["manager"], entry["operation"], entry.get("subresource", "")) for entry in operation["value"]]
    assert left == [
        (OURS, "Apply", ""),
        ("kube-controller-manager", "Update", "scale"),
        ("kube-controller-manager", "Update", "status"),
        ("kubectl-rollout", "Update", ""),
    ]
    after = apply_patch(live, take_over(live, OURS))
    assert owns_label(after, OURS, "by-hand")
    restarted = ("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
    assert [owner.manager for owner in owners_of(after, restarted)] == ["kubectl-rollout"]
    assert [owner.subresource for owner in owners_of(after, ("spec", "replicas"))] == ["scale"]


def apply_patch(live: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    assert [operation["path"] for operation in operations] == ["/metadata/resourceVersion", "/metadata/managedFields"]
    after = copy.deepcopy(live)
    after["metadata"]["managedFields"] = operations[1]["value"]
    return after


@pytest.mark.parametrize(
    "manager", ["kubectl", "kubectl-client-side-apply", "kubectl-edit", "helm", "argocd-controller"]
)
@pytest.mark.parametrize("operation", ["Apply", "Update"])
def test_another_deployers_entry_becomes_our_apply_entry(manager, operation):
    live = a_deployment(an_entry(manager, FIELDS, operation, time="2026-11-01T10:00:00Z"))
    operations = take_over(live, OURS)
    assert operations[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "41"}
    assert operations[1]["value"] == [an_entry(OURS, FIELDS, "Apply", time="2026-11-01T10:00:00Z")]
    assert take_over(apply_patch(live, operations), OURS) == []


def test_several_entries_become_one_union_and_others_stay_as_they_are():
    scale = an_entry("kubectl", {"f:spec": {"f:replicas": {}}}, subresource="scale")
    restart = an_entry("kubectl-rollout", {"f:spec": {"f:template": {"f:metadata": {}}}})
    hpa = an_entry("kube-controller-manager", {"f:status": {}}, subresource="status")
    live = a_deployment(
        hpa,
        an_entry("helm", {"f:spec": {"f:replicas": {}}}, time="2026-11-01T10:00:00Z"),
        scale,
        an_entry(OURS, {"f:spec": {"f:selector": {}}}, "Apply", time="2026-11-03T10:00:00Z"),
        restart,
        an_entry("kubectl-edit", {"f:spec": {"f:replicas": {}, "f:paused": {}}}, time="2026-11-02T10:00:00Z"),
    )
    union = {"f:spec": {"f:paused": {}, "f:replicas": {}, "f:selector": {}}}
    (_, operation) = take_over(live, OURS)
    assert operation["value"] == [an_entry(OURS, union, "Apply", time="2026-11-03T10:00:00Z"), hpa, scale, restart]


def test_an_object_that_is_ours_alone_is_left_alone():
    entries = (
        an_entry(OURS, FIELDS, "Apply"),
        an_entry("kube-controller-manager", {"f:status": {}}, subresource="status"),
    )
    assert take_over(a_deployment(*entries), OURS) == []
    assert take_over({"metadata": {}}, OURS) == []


def test_an_object_we_created_becomes_one_we_applied():
    (_, operation) = take_over(a_deployment(an_entry(OURS, FIELDS)), OURS)
    assert operation["value"] == [an_entry(OURS, FIELDS, "Apply")]


def test_fields_of_another_version_are_kept_where_the_live_object_has_them():
    old = {"f:spec": {"f:replicas": {}, "f:rollbackTo": {}}}
    (_, operation) = take_over(a_deployment(an_entry("helm", old, apiVersion="extensions/v1beta1")), OURS)
    assert operation["value"] == [an_entry(OURS, {"f:spec": {"f:replicas": {}}}, "Apply")]


managers = st.sampled_from(["helm", "kubectl-edit", "kubectl-rollout", OURS, "hpa"])
entries = st.builds(
    an_entry,
    managers,
    st.frozensets(st.lists(elements, min_size=1, max_size=4).map(tuple), max_size=6).map(serialize),
    st.sampled_from(["Apply", "Update"]),
    subresource=st.sampled_from(["", "scale"]),
)


@given(st.lists(entries, max_size=6))
def test_taking_over_loses_no_field_touches_no_stranger_and_is_done_after_once(given_entries):
    live = a_deployment(*given_entries)
    operations = take_over(live, OURS)
    after = apply_patch(live, operations) if operations else live
    assert take_over(after, OURS) == []

    def all_fields(body):
        return {path for entry in body["metadata"]["managedFields"] for path in parse(entry["fieldsV1"])}

    def strangers(body):
        return sorted(
            json.dumps(entry)
            for entry in body["metadata"]["managedFields"]
            if entry["subresource"] or entry["manager"] in ("hpa", "kubectl-rollout")
        )

    for entry in after["metadata"]["managedFields"]:
        entry.setdefault("subresource", "")
    assert all_fields(after) == all_fields(live)
    assert strangers(after) == strangers(live)
