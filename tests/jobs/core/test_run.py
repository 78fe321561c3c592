"""Which run a claim works on: asked for, under way, superseded, or new."""

from typing import Any

import pytest

from jobs.core.application import PHASE, RUN, Application, application_of
from jobs.core.moment import Moment
from jobs.core.order import Phase
from jobs.core.run import HEALS, Aim, OperationPhase, resumed
from jobs.core.status import Seen, as_status
from tests.builders import a_plan, a_run
from tests.builders import an_application as web

NOW = Moment(1_800_000_000.0)
OLD, NEW = Aim(("a" * 40,), "key-1"), Aim(("b" * 40,), "key-2")


def an_application(*, automated: bool = True, **body: Any) -> Application:
    """One whose operation towards OLD is under way."""
    initiated = {"automated": True} if automated else {"username": "ada"}
    state = {
        "phase": "Running",
        "startedAt": "2027-01-15T08:00:00Z",
        "operation": {"initiatedBy": initiated, "sync": {"prune": True}},
        "syncResult": {
            "revision": OLD.revisions[0],
            "resources": [{"group": "", "kind": "ConfigMap", "namespace": "web", "name": "one", "version": "v1"}],
        },
    }
    return application_of(
        {
            "metadata": {"namespace": "apps", "name": "web", "annotations": {RUN: "operation.claim.key-1"}},
            "spec": {
                "source": {"repoURL": "https://git.example.org/web.git", "path": "."},
                "destination": {"name": "in-cluster"},
            },
            "status": {"operationState": state},
        }
        | body
    )


def test_an_operation_under_way_is_resumed_with_its_results() -> None:
    run = resumed(an_application(), OLD, "token", NOW)
    assert (run.id, run.token, run.resumed, run.phase) == ("operation", "token", True, OperationPhase.RUNNING)
    assert [result.id.name for result in run.results.values()] == ["one"]


def test_a_heal_that_waited_goes_on_as_a_heal() -> None:
    begun = resumed(an_application(status={}), OLD, "token", NOW).begun(heal=True)
    state = {"phase": "Running", "operation": begun.operation}
    run = resumed(an_application(status={"operationState": state}), OLD, "token", NOW)
    assert (run.resumed, run.heal) == (True, True)
    assert not resumed(an_application(), OLD, "token", NOW).heal


@pytest.mark.parametrize("operation", [{"info": [HEALS]}, {"initiatedBy": {"automated": True}, "info": "drift"}])
def test_who_asks_for_a_sync_cannot_make_a_heal_of_it(operation: dict[str, Any]) -> None:
    """It would run without its hooks."""
    state = {"phase": "Running", "operation": operation}
    assert not resumed(an_application(status={"operationState": state}), OLD, "token", NOW).heal


def test_a_newer_commit_that_renders_the_same_interrupts_nobody() -> None:
    run = resumed(an_application(), Aim(NEW.revisions, OLD.key), "token", NOW)
    assert (run.id, run.resumed, run.aim.revisions) == ("operation", True, NEW.revisions)


def test_a_newer_commit_supersedes_what_is_under_way() -> None:
    run = resumed(an_application(), NEW, "token", NOW)
    assert (run.id, run.resumed, run.supersedes, run.automated) == ("bbbbbbb-token", False, True, True)
    assert not run.results


def test_what_a_person_asked_for_goes_on_towards_the_newer_commit() -> None:
    run = resumed(an_application(automated=False), NEW, "token", NOW)
    assert (run.supersedes, run.automated, run.sync_options["prune"]) == (True, False, True)


def test_a_claim_without_an_aim_leaves_the_operation_under_way_as_it_is() -> None:
    run = resumed(an_application(), Aim((), ""), "token", NOW)
    assert (run.annotation, run.supersedes, run.phase) == ("operation.token.key-1", False, None)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Error"])
def test_an_operation_that_ended_is_not_resumed(phase: str) -> None:
    application = an_application(status={"operationState": {"phase": phase}})
    run = resumed(application, OLD, "token", NOW)
    assert (run.resumed, run.supersedes, run.phase) == (False, False, None)


def test_an_operation_that_is_being_ended_stays_so_over_its_claims() -> None:
    before = a_run().begun(heal=False).ending("a Job failed").waiting("for hooks", Phase.SYNC_FAIL, NOW)
    status = as_status(web(), before, Seen(a_plan()), NOW)
    annotations = {RUN: before.annotation, PHASE: before.phase_annotation}
    application = web(metadata={"annotations": annotations}, status=status)
    for moment in (NOW, Moment(NOW.seconds + 9)):
        run = resumed(application, before.aim, "next", moment).waiting("for hooks", Phase.SYNC_FAIL, moment)
        assert (run.failing, run.message) == ("a Job failed", "failed, and is being ended: a Job failed")
        assert (run.waits_in, run.waits_since) == ("SyncFail", NOW)
        application = web(metadata={"annotations": annotations}, status=as_status(web(), run, Seen(a_plan()), NOW))


def test_another_operations_phase_is_none_of_a_new_one() -> None:
    application = web(metadata={"annotations": {PHASE: "PreSync 2026-11-01T12:00:00Z"}})
    assert resumed(application, NEW, "token", NOW).phase_annotation is None
