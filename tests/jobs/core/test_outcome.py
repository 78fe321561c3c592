"""When an application is looked at again."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.core.deployed import UNKNOWN
from jobs.core.errors import (
    FetchError,
    InvalidSpecError,
    Overloaded,
    PlanError,
    RenderError,
    StageError,
    Unauthorized,
    Unreachable,
    WindowClosed,
)
from jobs.core.moment import Moment
from jobs.core.objects import ObjectId
from jobs.core.order import Phase
from jobs.core.outcome import Later, failed_key, later
from jobs.core.results import Result
from tests.builders import NOON, a_run, an_application

KEY = "k" * 32


def after(seconds: float) -> Moment:
    return Moment(NOON.seconds + seconds)


@pytest.mark.parametrize(
    ("passed", "wait"), [(0, 0.3), (1, 0.3), (2, 0.5), (8, 2.0), (20, 5.0), (3600, 5.0), (-5, 0.3)]
)
def test_a_waiting_run_looks_soon_and_then_less_often(passed: float, wait: float) -> None:
    run = a_run().begun(heal=False).waiting("health", Phase.SYNC, NOON)
    assert later(an_application(), run, after(passed)) == Later(wait, backoff=False)


def test_after_a_look_or_a_success_only_a_change_or_the_sweep_brings_it_back() -> None:
    assert later(an_application(), a_run(), NOON) is None
    assert later(an_application(), a_run().begun(heal=False).succeeded("", NOON), NOON) is None


@pytest.mark.parametrize("sync", [{"revision": "v1"}, {"resources": [{"kind": "ConfigMap", "name": "web"}]}])
def test_what_somebody_asked_for_is_followed_by_a_look_at_what_the_policy_wants(sync: dict[str, Any]) -> None:
    run = a_run(operation={"initiatedBy": {"username": "ada"}, "sync": sync})
    assert later(an_application(), run, NOON) is None  # nothing was done
    assert later(an_application(), run.begun(heal=False).succeeded("", NOON), NOON) == Later(0.0, backoff=False)


def failed(error: StageError, failures: int = 0, **over: Any) -> Later | None:
    annotations = {"pilothouse.dev/source-key": f"o,{KEY},{failures}"} if failures else {}
    application = an_application(**{"metadata": {"annotations": annotations}} | over)
    return later(application, a_run(application, key=KEY).failed(error, NOON), NOON)


def test_a_failed_sync_is_tried_again_with_the_announced_waits() -> None:
    found = [failed(RenderError("no"), failures) for failures in range(6)]
    assert [wait and wait.in_s for wait in found] == [5, 10, 20, 40, 80, None]
    assert all(wait is None or wait.backoff for wait in found)


BY_HAND = {"spec": {"syncPolicy": None}}


@pytest.mark.parametrize(
    ("wait_s", "over", "expected"),
    [
        (3600.0, {}, Later(3600.0, backoff=False, why="window")),
        (0.0, {}, Later(1.0, backoff=False, why="window")),  # not in a circle while clocks differ
        (None, {}, None),  # no end in sight: the sweep looks
        (3600.0, BY_HAND, None),  # nobody would sync it then
    ],
)
def test_a_closed_sync_window_brings_it_back_when_it_opens_and_holds_up_no_comparison(
    wait_s: float | None, over: dict[str, Any], expected: Later | None
) -> None:
    closed, application = WindowClosed("closed", retry_after_s=wait_s), an_application(**over)
    assert later(application, a_run().held_back(closed), NOON) == expected
    assert later(application, a_run().begun(heal=False).failed(closed, NOON), NOON) == expected


@pytest.mark.parametrize(
    ("error", "over", "wait"),
    [
        (InvalidSpecError("no"), {}, None),
        (PlanError("no"), BY_HAND, None),
        (FetchError("no"), BY_HAND, Later(180.0, backoff=True)),
        (Unreachable("no"), BY_HAND, Later(180.0, backoff=True)),
        (Unreachable("no", retry_after_s=7.0), {}, Later(7.0, backoff=True)),
    ],
)
def test_the_error_decides(error: StageError, over: dict[str, Any], wait: Later | None) -> None:
    assert failed(error, **over) == wait


def test_a_failure_without_a_key_is_counted_as_unknown() -> None:
    assert failed_key(a_run(key="")) == "unknown"
    assert failed_key(a_run(key=KEY)) == KEY


@pytest.mark.parametrize("error", [FetchError("away"), Unreachable("away"), Overloaded("busy"), Unauthorized("no")])
def test_what_is_away_is_not_counted_against_the_sources(error: StageError) -> None:
    run = replace(a_run(key=KEY), error=error)
    assert failed_key(run) == UNKNOWN


def test_what_goes_away_after_something_was_applied_counts_against_the_sources() -> None:
    target = ObjectId("", "ConfigMap", "web", "web")
    run = replace(a_run(key=KEY), error=Unreachable("away")).with_results([Result(target, "v1", "Synced", "created")])
    assert failed_key(run) == run.aim.key
