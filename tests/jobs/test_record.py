"""What is written on an Application after a claim: which key, which annotations, and when nothing is."""

from types import SimpleNamespace
from typing import Any

import pytest

from jobs.core.application import REFRESH, RUN, SOURCE_KEY, Application
from jobs.core.errors import PlanError, WindowClosed
from jobs.core.order import Phase
from jobs.core.plan import Action, Plan
from jobs.core.results import Result
from jobs.core.run import Run
from jobs.core.status import Seen, as_status
from jobs.record import record
from tests.builders import NOON, a_change, a_live, a_manifest, a_plan, a_removal, a_run, an_application, an_id

KEY = "k" * 32
SYNCED = a_plan(a_change(a_manifest(), Action.UNCHANGED, live=a_live(a_manifest())))
DRIFTED = a_plan(a_change(a_manifest(), Action.CONFIGURED, live=a_live(a_manifest())))
UNPRUNED = a_plan(removals=[a_removal(kept="not pruned: pruning is off for this sync")])
RUNNING = {"operationState": {"phase": "Running", "startedAt": str(NOON), "operation": {}}}
WRITTEN = [Result(an_id(), "v1", "Synced", "configured")]
DONE = a_run(key=KEY).begun(heal=False).succeeded("synced", NOON)


class Written(list[dict[str, Any]]):
    """Stands for the store and the Events: keeps what it is told to write."""

    async def record(self, application: Application, **what: Any) -> None:
        self.append(what)

    def tell(self, application: Application, announcements: Any) -> None:
        self.told = list(announcements)


async def written(
    run: Run, plan: Plan | None, application: Application | None = None, phases: tuple[Phase, ...] = ()
) -> Written:
    found = Written()
    parts: Any = SimpleNamespace(applications=found, events=found, now=lambda: NOON)
    compared: Any = plan and SimpleNamespace(
        plan=plan,
        source_types=(),
        warnings=(),
        put_back=(),
        orphans=None,
        part=False,
        deletion_phases=frozenset(phases),
    )
    await record(application or an_application(), run, compared, parts)
    return found


@pytest.mark.parametrize(
    ("run", "plan", "deployed"),
    [
        (DONE, SYNCED, KEY),
        (DONE, UNPRUNED, KEY),  # all that could be done was done
        (DONE, DRIFTED, None),
        (a_run(key=KEY), SYNCED, KEY),  # found as Git says
        (a_run(key=KEY), UNPRUNED, None),
        (a_run(key=KEY), DRIFTED, None),
        (a_run(key=KEY).begun(heal=False), SYNCED, None),  # it still waits
        (a_run(key=KEY).failed(PlanError("no"), NOON), SYNCED, f",{KEY},1"),
        (a_run(key="").failed(PlanError("no"), NOON), None, ",unknown,1"),
        (
            a_run(key=KEY, operation={"sync": {"resources": [{"name": "a"}]}}).begun(heal=False).succeeded("", NOON),
            SYNCED,
            None,
        ),
        (a_run(key=KEY, operation={"sync": {"dryRun": True}}).begun(heal=False).succeeded("", NOON), DRIFTED, None),
    ],
)
async def test_a_key_is_stored_once_all_of_it_was_deployed(run: Run, plan: Plan | None, deployed: str | None) -> None:
    (what,) = await written(run, plan)
    assert what["annotations"].get(SOURCE_KEY) == deployed
    assert what["annotations"][RUN] == run.annotation


CLOSED = WindowClosed("held back")
UNDER_WAY = {"metadata": {"annotations": {RUN: "op.token.old", SOURCE_KEY: "k"}}, "status": RUNNING}


@pytest.mark.parametrize(
    ("run", "over", "deployed"),
    [
        (a_run(key=KEY).held_back(CLOSED), {}, None),
        (a_run(key=KEY).held_back(CLOSED), UNDER_WAY, "k,old,0"),  # what ran before left something
        (a_run(key=KEY).begun(heal=False).failed(CLOSED, NOON), {}, None),
        (a_run(key=KEY).begun(heal=False).with_results(WRITTEN).failed(CLOSED, NOON), {}, f",{KEY},0"),
    ],
)
async def test_a_sync_window_is_no_failure_but_what_was_applied_is_remembered(
    run: Run, over: dict[str, Any], deployed: str | None
) -> None:
    (what,) = await written(run, DRIFTED, an_application(**over))
    assert what["annotations"].get(SOURCE_KEY) == deployed


async def test_what_is_held_back_is_a_warning() -> None:
    (what,) = await written(a_run(key=KEY).held_back(CLOSED), DRIFTED)
    assert [(item["type"], item["message"]) for item in what["status"]["conditions"]] == [("SyncWarning", "held back")]
    assert "operationState" not in what["status"]


async def test_a_comparison_that_found_nothing_new_writes_nothing() -> None:
    annotations = {SOURCE_KEY: KEY}
    before = as_status(an_application(), a_run(key=KEY), Seen(SYNCED), NOON)
    application = an_application(metadata={"annotations": annotations}, status={**before, "reconciledAt": "earlier"})
    assert await written(a_run(key=KEY), SYNCED, application) == []


async def test_a_refresh_that_was_asked_for_is_taken_away() -> None:
    application = an_application(metadata={"annotations": {REFRESH: "hard"}})
    (what,) = await written(a_run(key=KEY), SYNCED, application)
    assert what["annotations"][REFRESH] is None


async def test_an_operation_that_was_asked_for_is_taken_away() -> None:
    application = an_application(operation={"sync": {}})
    (what,) = await written(a_run(application, key=KEY).failed(PlanError("no"), NOON), None, application)
    assert what["take_operation"]
    assert what["status"]["operationState"]["phase"] == "Failed"


async def test_a_failure_is_told_as_an_event() -> None:
    found = await written(a_run(key=KEY).begun(heal=False).failed(PlanError("no such field"), NOON), DRIFTED)
    assert [item.reason for item in found.told] == ["OperationStarted", "OperationCompleted"]


async def test_finalizers_are_written_when_deletion_hooks_come_or_go_and_only_then() -> None:
    asked = ("pre-delete-finalizer.argocd.argoproj.io", "pre-delete-finalizer.argocd.argoproj.io/cleanup")
    (change,) = await written(a_run(key=KEY), SYNCED, phases=(Phase.PRE_DELETE,))
    assert change["finalizers"] == asked
    has_them = an_application(metadata={"finalizers": ["other", *asked]})
    (change,) = await written(a_run(key=KEY), SYNCED, has_them)
    assert change["finalizers"] == ("other",)
    (change,) = await written(a_run(key=KEY), SYNCED, has_them, (Phase.PRE_DELETE,))
    assert change["finalizers"] is None
    leaving = {"deletionTimestamp": "2026-11-01T12:00:00Z"}
    (change,) = await written(a_run(key=KEY), SYNCED, an_application(metadata=leaving), (Phase.PRE_DELETE,))
    assert change["finalizers"] is None, "a deleted Application takes no new ones"
