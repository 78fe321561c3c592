"""What is told of a run as Events."""

from jobs.core.announce import announcements
from jobs.core.drift import Difference
from jobs.core.errors import PlanError
from jobs.core.plan import Change
from jobs.core.run import Run
from tests.builders import COMMIT, NOON, a_change, a_live, a_manifest, a_run, an_application


def told(run: Run, *healed: Change) -> list[tuple[str, str, str]]:
    return [(item.kind, item.reason, item.message) for item in announcements(an_application(), run, healed)]


def test_nothing_is_told_of_a_look() -> None:
    assert told(a_run()) == []


def test_the_start_and_the_end_of_a_sync_are_told() -> None:
    assert told(a_run().begun(heal=False).succeeded("", NOON)) == [
        ("Normal", "OperationStarted", f"Initiated automated sync to '{COMMIT}'"),
        ("Normal", "OperationCompleted", f"Sync operation to {COMMIT} succeeded"),
    ]


def test_a_failure_is_a_warning_with_its_reason() -> None:
    run = a_run(resumed=True).begun(heal=False).failed(PlanError("no such field"), NOON)
    assert told(run) == [("Warning", "OperationCompleted", f"Sync operation to {COMMIT} failed: no such field")]


def test_a_heal_names_objects_and_paths_and_never_values() -> None:
    different = (Difference(("data", "password"), "hunter2", "swordfish"),)
    change = a_change(live=a_live(a_manifest(data={"password": "hunter2"})), differences=different)
    (event,) = told(a_run().begun(heal=True).succeeded("", NOON), change, a_change())
    assert event == (
        "Normal",
        "DriftHealed",
        "Put back ConfigMap shop/web (.data.password), ConfigMap shop/web (it was gone)",
    )


def test_a_selective_sync_is_told_as_such() -> None:
    operation = {"initiatedBy": {"username": "ada"}, "sync": {"resources": [{"kind": "ConfigMap", "name": "a"}]}}
    found = told(a_run(operation=operation).begun(heal=False).succeeded("", NOON))
    assert [message for _, _, message in found] == [
        f"Initiated sync to '{COMMIT}'",
        f"Partial sync operation to {COMMIT} succeeded",
    ]
