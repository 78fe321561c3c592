"""Who changed what, as it is told: path, field manager and time."""

from typing import Any

from jobs.core.blame import told
from jobs.core.drift import Difference
from tests.builders import a_change, a_live, a_manifest

OURS = {
    "manager": "pilothouse",
    "operation": "Apply",
    "time": "2026-11-27T18:26:55Z",
    "fieldsV1": {"f:spec": {"f:template": {}}},
}
EDIT = {
    "manager": "kubectl-edit",
    "operation": "Update",
    "time": "2026-11-27T18:30:00Z",
    "fieldsV1": {"f:spec": {"f:replicas": {}, "f:ports": {'k:{"port":80}': {".": {}, "f:port": {}}}}},
}
EARLIER = {**EDIT, "manager": "somebody", "time": "2026-11-27T18:29:00Z"}


def changed(*paths: tuple[str | int, ...], entries: Any = (OURS, EDIT, EARLIER)) -> str:
    spec = {"replicas": 5, "template": {}, "ports": [{"port": 80}], "paused": True}
    live = a_live(a_manifest("Deployment"), spec=spec, metadata={"managedFields": list(entries)})
    different = tuple(Difference(path, "secret", "also secret") for path in paths)
    return told(a_change(a_manifest("Deployment"), live=live, differences=different))


def test_the_manager_that_wrote_the_field_last_is_named_with_the_time() -> None:
    assert changed(("spec", "replicas")) == ".spec.replicas by kubectl-edit at 2026-11-27T18:30:00Z"


def test_who_wrote_a_part_of_a_list_is_named_for_the_list() -> None:
    assert changed(("spec", "ports")) == ".spec.ports by kubectl-edit at 2026-11-27T18:30:00Z"


def test_who_removed_a_field_is_not_guessed() -> None:
    assert changed(("spec", "template"), ("spec", "paused")) == ".spec.template, .spec.paused"
    assert changed(("spec", "replicas"), entries=()) == ".spec.replicas"


def test_an_object_that_was_not_there_was_gone() -> None:
    assert told(a_change()) == "it was gone"
