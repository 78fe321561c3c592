"""What a sync window does to a run: it waits, it is refused, or it ends; never does it just stop moving."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.core.cluster_secret import HOME_CLUSTER
from jobs.core.errors import WindowClosed
from jobs.core.fields import Fields
from jobs.core.held import held
from jobs.core.moment import Moment
from jobs.core.plan import Plan
from jobs.core.rules import Rules
from jobs.core.run import Run
from jobs.core.windows import windows_of
from tests.builders import NOON, a_change, a_plan, a_removal, a_run, an_application, some_rules

TODO, NOTHING = a_plan(a_change()), a_plan(removals=[a_removal(kept="no")])
SAID = (
    "AppProject default: the deny window '0 11 * * *' (2h, UTC) keeps syncs back; "
    "they may begin at 2026-11-01T13:00:00Z"
)
BY_HAND = {"initiatedBy": {"username": "ada"}, "sync": {}}


def rules(**over: Any) -> Rules:
    window = {"kind": "deny", "schedule": "0 11 * * *", "duration": "2h", "applications": ["*"]} | over
    return some_rules(windows=windows_of(Fields({"syncWindows": [window]}, "spec"), an_application(), HOME_CLUSTER))


@pytest.mark.parametrize("todo", [TODO, a_plan(removals=[a_removal()])])
def test_an_automated_sync_only_looks_until_the_window_opens(todo: Plan) -> None:
    run = held(a_run(), todo, rules(), NOON)
    assert run.held is not None
    assert (run.held.message, run.held.retry_after_s) == (f"held back: {SAID}", 3600)
    assert (run.phase, run.error) == (None, None)


@pytest.mark.parametrize(
    ("todo", "given"),
    [
        (NOTHING, rules()),  # what writes nothing disturbs nobody
        (TODO, rules(schedule="0 20 * * *")),
        (TODO, some_rules()),
    ],
)
def test_what_no_window_keeps_back_goes_on(todo: Plan, given: Rules) -> None:
    run = a_run()
    assert held(run, todo, given, NOON) is run


@pytest.mark.parametrize("todo", [TODO, NOTHING])
def test_what_was_asked_for_is_refused_with_the_way_out(todo: Plan) -> None:
    run = a_run(an_application(operation=BY_HAND))
    with pytest.raises(WindowClosed) as caught:
        held(run, todo, rules(), NOON)
    assert caught.value.message == f"not begun: {SAID}. A window with manualSync lets syncs by hand pass"
    assert held(run, todo, rules(manualSync=True), NOON) is run


def test_what_others_ask_for_without_a_person_counts_as_automated() -> None:
    run = a_run(an_application(operation={"initiatedBy": {"automated": True}, "sync": {}}))
    with pytest.raises(WindowClosed):
        held(run, TODO, rules(manualSync=True), NOON)


def running(since: Moment) -> Run:
    return replace(a_run(), resumed=True, started_at=since)


def test_what_runs_ends_unless_it_may_overrun() -> None:
    before, within = Moment(NOON.seconds - 7200), Moment(NOON.seconds - 60)
    with pytest.raises(WindowClosed) as caught:
        held(running(before), TODO, rules(), NOON)
    assert caught.value.message == (
        f"ended by a sync window, 0 objects were applied: {SAID}. A window with syncOverrun lets it go on"
    )
    assert caught.value.retry_after_s == 3600
    assert held(running(before), TODO, rules(syncOverrun=True), NOON).held is None
    with pytest.raises(WindowClosed):
        held(running(within), TODO, rules(syncOverrun=True), NOON)


def test_no_end_in_sight_is_no_time_to_come_back() -> None:
    run = held(a_run(), TODO, rules(schedule="* * * * *"), NOON)
    assert run.held is not None
    assert run.held.retry_after_s is None
