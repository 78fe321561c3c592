"""The ladder of a deletion, its operation over several claims, and which finalizers hooks ask for."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.core.application import PHASE, RUN, Application
from jobs.core.deletion import (
    CASCADE,
    OPERATION,
    Stage,
    deletion_run,
    deployed_revisions,
    rungs,
    wanted_finalizers,
)
from jobs.core.errors import PlanError
from jobs.core.moment import Moment
from jobs.core.order import Phase
from jobs.core.results import applied
from jobs.core.run import Run
from jobs.core.status import Seen, as_status
from tests.builders import COMMIT, NOON, OLDER, an_application
from tests.jobs.core.some_jobs import a_job

PRE, POST = "pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"
SOURCE = {"repoURL": "https://git.example.org/shop.git", "path": "charts/web"}
HISTORY = {"history": [{"revision": OLDER, "source": SOURCE}, {"revision": COMMIT, "source": SOURCE}]}
LATER = Moment(NOON.seconds + 60)


@pytest.mark.parametrize("propagation", ["", "/foreground", "/background"])
def test_finalizers_go_in_argo_cds_order_and_only_ours(propagation: str) -> None:
    cascade = f"{CASCADE}{propagation}"
    found = rungs([f"{POST}/cleanup", "other", POST, cascade, f"{PRE}/cleanup", PRE])
    assert [(rung.finalizer, rung.stage) for rung in found] == [
        (PRE, Stage.HOOKS),
        (cascade, Stage.CASCADE),
        (f"{PRE}/cleanup", Stage.CLEANUP),
        (POST, Stage.HOOKS),
        (f"{POST}/cleanup", Stage.CLEANUP),
    ]
    assert rungs(["other"]) == ()


@pytest.mark.parametrize(
    ("there", "phases", "wanted"),
    [
        ([], [], []),
        (["other"], [Phase.PRE_DELETE], ["other", PRE, f"{PRE}/cleanup"]),
        ([PRE, "other"], [Phase.PRE_DELETE], [PRE, "other", f"{PRE}/cleanup"]),
        ([PRE, f"{PRE}/cleanup"], [Phase.POST_DELETE], [POST, f"{POST}/cleanup"]),
        ([CASCADE, POST, f"{POST}/cleanup"], [], [CASCADE]),
    ],
)
def test_hooks_ask_for_their_finalizers_and_others_are_kept(
    there: list[str], phases: list[Phase], wanted: list[str]
) -> None:
    assert list(wanted_finalizers(there, phases)) == wanted


OTHER = {"repoURL": "https://git.example.org/other.git"}


@pytest.mark.parametrize(
    ("history", "revisions"),
    [
        ([], ()),
        ([{"revision": COMMIT, "source": SOURCE}], (COMMIT,)),
        ([{"revisions": [COMMIT], "sources": [SOURCE]}], (COMMIT,)),
        ([{"revision": COMMIT, "source": OTHER}], ()),
        ([{"revision": COMMIT}], ()),
        ([{"source": SOURCE}], ()),
        ([{"revisions": [COMMIT, OLDER], "sources": [SOURCE, SOURCE]}], ()),
        ([{"revisions": [COMMIT], "sources": ["junk"]}], ()),
    ],
)
def test_the_hooks_are_those_of_the_last_deployment_of_these_sources(
    history: list[Any], revisions: tuple[str, ...]
) -> None:
    assert deployed_revisions(an_application(status={"history": history})) == revisions


def after(run: Run) -> Application:
    """The Application as the run left it."""
    application = an_application(status=HISTORY)
    status = as_status(application, run, Seen(None), NOON)
    return an_application(metadata={"annotations": {RUN: run.annotation, PHASE: run.phase_annotation}}, status=status)


def test_a_deletion_is_one_operation_over_all_its_claims() -> None:
    run = deletion_run(an_application(status=HISTORY), "aa", NOON)
    assert (run.operation, run.named_after, run.resumed) == (OPERATION, COMMIT[:7], False)
    again = deletion_run(after(run.waiting("for hooks", Phase.PRE_DELETE, NOON)), "bb", LATER)
    assert (again.id, again.resumed, again.started_at, again.waits_since) == (run.id, True, NOON, NOON)


def test_a_deletion_ends_whatever_was_under_way_or_asked_for() -> None:
    sync = after(deletion_run(an_application(status=HISTORY), "aa", NOON))
    running = an_application(metadata={"annotations": {RUN: "op.aa.key-1"}}, status=dict(sync.status))
    assert deletion_run(running, "bb", LATER).operation == OPERATION
    asked = an_application(operation={"sync": {"prune": True}})
    assert not deletion_run(asked, "bb", LATER).requested


def test_a_new_try_runs_only_the_hooks_that_did_not_end_well() -> None:
    good, bad = a_job("good", Phase.PRE_DELETE, hook=True), a_job("bad", Phase.PRE_DELETE, hook=True)
    run = deletion_run(an_application(status=HISTORY), "aa", NOON).with_results(applied([good, bad], waits=True))
    ended = {"good": "Succeeded", "bad": "Failed"}
    results = [replace(result, hook_phase=ended[result.id.name]) for result in run.results.values()]
    failed = run.with_results(results).failed(PlanError("bad failed"), NOON)
    again = deletion_run(after(failed), "bb", LATER)
    assert (again.resumed, again.id) != (True, run.id)
    assert [target.name for target, _ in again.results] == ["good"]
