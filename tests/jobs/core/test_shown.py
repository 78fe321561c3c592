"""Live and wanted side by side, as the API answers."""

import json

from jobs.core.plan import Action
from jobs.core.shown import events, managed_resources, manifests
from tests.builders import a_change, a_live, a_manifest, a_plan, a_removal


def test_an_object_is_shown_with_both_states_and_what_would_be_done() -> None:
    manifest = a_manifest()
    (entry,) = managed_resources(a_plan(a_change(manifest, Action.CONFIGURED, live=a_live(manifest))))
    assert (entry["kind"], entry["namespace"], entry["name"], entry["action"]) == (
        "ConfigMap",
        "shop",
        "web",
        "configured",
    )
    assert json.loads(entry["liveState"])["data"] == json.loads(entry["targetState"])["data"] == {"a": "1"}
    assert "managedFields" not in entry["liveState"]


def test_a_missing_object_has_the_live_state_null_and_a_removal_no_target() -> None:
    created, removed = managed_resources(a_plan(a_change(), removals=[a_removal(kept="not pruned")]))
    assert created["liveState"] == "null"
    assert (removed["targetState"], removed["requiresPruning"], removed["kept"]) == ("null", True, "not pruned")


def test_no_value_of_a_secret_is_shown() -> None:
    manifest = a_manifest("Secret", "s", data={"password": "aHVudGVyMg=="})
    live = a_live(manifest, data={"password": "c3dvcmRmaXNo"})
    text = json.dumps(managed_resources(a_plan(a_change(manifest, live=live))))
    assert "aHVudGVyMg" not in text
    assert "c3dvcmRmaXNo" not in text


def test_manifests_are_shown_without_a_secrets_values() -> None:
    found = manifests([a_manifest(), a_manifest("Secret", "s", stringData={"password": "hunter2"})])
    assert [json.loads(text)["kind"] for text in found] == ["ConfigMap", "Secret"]
    assert "hunter2" not in "".join(found)


def test_events_are_shown_in_the_order_of_their_last_time() -> None:
    late = {"type": "Normal", "reason": "B", "message": "b", "lastTimestamp": "2026-11-01T12:00:02Z", "count": 3}
    series = {"reason": "A", "note": "a", "eventTime": "2026-11-01T12:00:01Z", "reportingComponent": "x"}
    first, last = events([late | {"source": {"component": "pilothouse"}}, series])
    assert (first["reason"], first["message"], first["lastTimestamp"], first["source"]) == (
        "A",
        "a",
        "2026-11-01T12:00:01Z",
        "x",
    )
    assert (last["reason"], last["count"], last["source"]) == ("B", 3, "pilothouse")
