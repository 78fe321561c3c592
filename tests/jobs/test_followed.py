"""What is told of a push on its way through the runs it leads to."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from jobs import metrics
from jobs.core.errors import PlanError
from jobs.core.moment import Moment
from jobs.core.results import Result
from jobs.core.run import OperationPhase, Run
from jobs.followed import carried, tell
from tests.builders import NOON, a_claim, a_run, an_application, an_id

PUSH = {"delivery": "d-1", "received_at_ms": "1793534399000", "revisions": "x"}


def having_written(run: Run, *names: str) -> Run:
    results = [Result(an_id(name=name), "v1", "Synced", "configured") for name in names]
    return run.with_results(results)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def observed() -> tuple[float, float]:
    """Number and sum of the histogram."""
    samples = {each.name: each.value for each in next(iter(metrics.PUSH_TO_APPLIED.collect())).samples}
    return samples["pilothouse_push_to_applied_seconds_count"], samples["pilothouse_push_to_applied_seconds_sum"]


def test_the_push_and_the_last_write_go_from_claim_to_claim() -> None:
    run = a_run()
    first = carried(a_claim(**PUSH), having_written(run, "a"), run, NOON)
    assert first == {"delivery": "d-1", "received_at_ms": "1793534399000", "applied_at_ms": "1793534400000"}
    resumed = replace(having_written(run, "a"), resumed=True)
    later = Moment(NOON.seconds + 5)
    assert carried(a_claim(**first), resumed, resumed, later) == first
    assert carried(a_claim(**first), having_written(resumed, "b"), resumed, later)["applied_at_ms"] == "1793534405000"


def test_a_new_run_knows_nothing_of_what_another_wrote() -> None:
    run = a_run()
    assert carried(a_claim(**PUSH, applied_at_ms="1"), run, run, NOON) == {
        "delivery": "d-1",
        "received_at_ms": "1793534399000",
    }
    assert carried(a_claim(), run, run, NOON) == {}


def test_an_ended_run_is_one_line_and_its_time_counts(logged: list[Any]) -> None:
    count, total = observed()
    run = replace(having_written(a_run(), "a", "b"), phase=OperationPhase.SUCCEEDED, message="synced")
    tell(an_application(), run, {"received_at_ms": "1793534399000", "applied_at_ms": "1793534400500"})
    (line,) = logged
    assert (line["event"], line["application"], line["run"]) == ("run ended", "pilothouse/web", run.id)
    assert (line["phase"], line["changed"], line["revision"]) == ("Succeeded", 2, run.aim.revisions[0])
    assert observed() == (count + 1, pytest.approx(total + 1.5))


def test_a_run_that_waits_or_failed_or_wrote_nothing_is_told_and_not_timed(logged: list[Any]) -> None:
    before = observed()
    hints = {**PUSH, "applied_at_ms": "1793534400500"}
    run = a_run()
    tell(an_application(), replace(run, phase=OperationPhase.RUNNING, message="waits for web"), hints)
    tell(an_application(), run.failed(PlanError("no room"), NOON), hints)
    tell(an_application(), run, hints)
    tell(an_application(), replace(run, phase=OperationPhase.SUCCEEDED), PUSH)
    assert [line["event"] for line in logged] == ["run waits", "run failed", "nothing to change", "run ended"]
    assert (logged[0]["message"], logged[1]["error"]) == ("waits for web", "no room")
    assert observed() == before


def test_a_sweep_that_finds_nothing_is_not_told(logged: list[Any]) -> None:
    tell(an_application(), a_run(), {})
    assert logged == []
