"""A run written down as an Application's status."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core.errors import PlanError
from jobs.core.health_status import Health, HealthStatus
from jobs.core.moment import Moment
from jobs.core.plan import Action
from jobs.core.results import applied
from jobs.core.run import Run
from jobs.core.status import Seen, as_status, fitted, revision_fields
from tests.builders import COMMIT, NOON, OLDER, a_change, a_live, a_manifest, a_plan, a_removal, a_run, an_application

LATER = Moment(NOON.seconds + 60)
SYNCED = a_plan(a_change(a_manifest(), Action.UNCHANGED, live=a_live(a_manifest())))
DRIFTED = a_plan(a_change(a_manifest(), Action.CONFIGURED, live=a_live(a_manifest())))


def well(run: Run | None = None) -> Run:
    return (run or a_run()).begun(heal=False).succeeded("synced", NOON)


def test_a_success_is_told_in_argo_cds_words() -> None:
    application = an_application()
    run = well(a_run().with_results(applied(DRIFTED.changes, waits=True)))
    status = as_status(application, run, Seen(SYNCED, ("Helm",)), NOON)
    assert status["sync"] == {
        "status": "Synced",
        "revision": COMMIT,
        "comparedTo": {"source": application.spec["source"], "destination": application.spec["destination"]},
    }
    assert status["health"]["status"] == "Healthy"
    assert status["sourceType"] == "Helm"
    state = status["operationState"]
    assert (state["phase"], state["startedAt"], state["finishedAt"]) == ("Succeeded", str(NOON), str(NOON))
    assert [entry["message"] for entry in state["syncResult"]["resources"]] == ["configured"]
    assert [(entry["id"], entry["revision"]) for entry in status["history"]] == [(0, COMMIT)]
    assert [(entry["kind"], entry["status"]) for entry in status["resources"]] == [("ConfigMap", "Synced")]


def test_what_is_to_be_pruned_makes_it_out_of_sync() -> None:
    status = as_status(an_application(), a_run(), Seen(a_plan(removals=[a_removal()])), NOON)
    assert status["sync"]["status"] == "OutOfSync"
    assert [entry.get("requiresPruning") for entry in status["resources"]] == [True]


def test_what_scripts_say_is_the_health_of_objects_and_application() -> None:
    said = Health(HealthStatus.DEGRADED, "by script")
    change = a_change(a_manifest(), Action.UNCHANGED, live=a_live(a_manifest()), said=said)
    removal = replace(a_removal(), said=said)
    status = as_status(an_application(), a_run(), Seen(a_plan(change, removals=[removal])), NOON)
    told = {"status": "Degraded", "message": "by script"}
    assert [entry["health"] for entry in status["resources"]] == [told, told]
    assert status["health"]["message"] == "ConfigMap shop/web: by script"


def test_a_failure_before_the_comparison_leaves_sync_unknown_and_what_was_known() -> None:
    before = as_status(an_application(), well(), Seen(SYNCED), NOON)
    application = an_application(status=before)
    status = as_status(application, a_run(revision=OLDER).failed(PlanError("no"), LATER), Seen(None), LATER)
    assert (status["sync"]["status"], status["health"], status["resources"]) == (
        "Unknown",
        before["health"],
        before["resources"],
    )
    assert status["conditions"] == [{"type": "SyncError", "message": "no", "lastTransitionTime": str(LATER)}]
    assert status["operationState"] == before["operationState"]


def test_a_condition_and_a_health_that_stay_keep_their_time() -> None:
    failed = a_run().failed(PlanError("no"), NOON)
    before = as_status(an_application(), failed, Seen(SYNCED), NOON)
    again = as_status(an_application(status=before), failed, Seen(SYNCED), LATER)
    assert again["conditions"] == before["conditions"]
    assert again["health"]["lastTransitionTime"] == str(NOON)
    assert again["reconciledAt"] == str(LATER)


@pytest.mark.parametrize(
    ("run", "entries"),
    [
        (well(), 1),
        (a_run().begun(heal=True).succeeded("", NOON), 0),
        (a_run().begun(heal=False), 0),
        (well(a_run(operation={"sync": {"dryRun": True}})), 0),
        (well(a_run(operation={"sync": {"resources": [{"kind": "ConfigMap", "name": "a"}]}})), 0),
        (a_run().failed(PlanError("no"), NOON), 0),
    ],
)
def test_history_tells_of_whole_syncs_only(run: Run, entries: int) -> None:
    assert len(as_status(an_application(), run, Seen(SYNCED), NOON).get("history", [])) == entries


@pytest.mark.parametrize(
    ("history", "next_id"), [([], 0), ([{"id": 4}], 5), ([{"id": "x"}], 0), ([{"id": 9}, {"id": None}], 10), ([7], 0)]
)
def test_ids_of_history_only_grow(history: list[Any], next_id: int) -> None:
    status = as_status(an_application(status={"history": history}), well(), Seen(SYNCED), NOON)
    assert status["history"][-1]["id"] == next_id


def test_history_is_as_long_as_the_application_says() -> None:
    history = [{"id": n} for n in range(5)]
    for limit, ids in ((3, [3, 4, 5]), (0, None)):
        application = an_application(spec={"revisionHistoryLimit": limit}, status={"history": history})
        found = as_status(application, well(), Seen(SYNCED), NOON).get("history")
        assert (found and [entry["id"] for entry in found]) == ids


def test_a_revision_is_written_as_one_or_as_a_list() -> None:
    several = an_application(spec={"source": None, "sources": [{"repoURL": "https://git.example.org/a.git"}]})
    assert revision_fields(an_application(), (COMMIT,)) == {"revision": COMMIT}
    assert revision_fields(several, (COMMIT, OLDER)) == {"revisions": [COMMIT, OLDER]}


def test_an_application_of_many_sources_has_many_revisions() -> None:
    sources = [{"repoURL": "https://git.example.org/a.git"}, {"repoURL": "https://git.example.org/b.git"}]
    application = an_application(spec={"source": None, "sources": sources})
    assert as_status(application, well(), Seen(SYNCED, ("Helm",)), NOON)["sync"]["revisions"] == [COMMIT]


# --- the limit

ENTRY = st.fixed_dictionaries(
    {"kind": st.just("ConfigMap"), "name": st.text(max_size=20), "status": st.sampled_from(["Synced", "OutOfSync"])},
    optional={"health": st.just({"status": "Degraded"}), "message": st.just("x" * 300)},
)
RESULT = st.fixed_dictionaries(
    {"name": st.text(max_size=9), "status": st.sampled_from(["Synced", "SyncFailed"]), "message": st.just("y" * 200)}
)
BULK = st.integers(0, 5000).map(lambda size: {"destination": {"name": "in-cluster"}, "source": {"values": "v" * size}})
STATUSES = st.fixed_dictionaries(
    {"sync": st.fixed_dictionaries({"status": st.just("Synced"), "comparedTo": BULK})},
    optional={
        "resources": st.lists(ENTRY, max_size=20),
        "operationState": st.fixed_dictionaries(
            {
                "phase": st.just("Running"),
                "operation": BULK,
                "syncResult": st.fixed_dictionaries({"resources": st.lists(RESULT, max_size=20)}),
            }
        ),
        "history": st.lists(BULK, max_size=6),
        "conditions": st.lists(st.just({"type": "SyncWarning", "message": "z" * 500}), max_size=9),
        "summary": st.fixed_dictionaries({"images": st.lists(st.just("i" * 100), max_size=30)}),
    },
)


@settings(max_examples=60)
@given(STATUSES, st.integers(900, 6000))
def test_a_status_always_fits(status: dict[str, Any], limit: int) -> None:
    cut = fitted(status, limit)
    assert len(orjson.dumps(cut)) <= limit
    assert cut["sync"]["status"] == "Synced"
    assert cut["sync"]["comparedTo"]["destination"] == {"name": "in-cluster"}
    if len(orjson.dumps(status)) <= limit:
        assert cut == status


def test_what_is_well_goes_first_and_hooks_that_were_run_stay_known() -> None:
    resources = [{"name": f"n{n}", "status": "Synced"} for n in range(50)] + [{"name": "bad", "status": "OutOfSync"}]
    results = [{"name": f"n{n}", "status": "Synced"} for n in range(50)] + [{"name": "h", "hookType": "PreSync"}]
    state = {"phase": "Running", "message": "waiting", "syncResult": {"resources": results}}
    cut = fitted({"resources": resources, "operationState": state}, 500)
    assert cut["resources"] == [resources[-1]]
    assert cut["operationState"]["syncResult"]["resources"] == [results[-1]]
    assert cut["operationState"]["message"] == "waiting (50 Synced and Healthy objects are not listed: too many)"


def test_a_warning_of_orphans_stays_until_somebody_looked_again() -> None:
    told = as_status(an_application(), a_run(), Seen(a_plan(), orphans="2 objects"), NOON)
    (condition,) = told["conditions"]
    assert (condition["type"], condition["message"]) == ("OrphanedResourceWarning", "2 objects")
    for orphans, conditions in ((None, [condition]), ("", None)):
        after = as_status(an_application(status=told), a_run(), Seen(a_plan(), orphans=orphans), LATER)
        assert after.get("conditions") == conditions
