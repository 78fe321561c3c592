"""How long the phases of a sync may wait."""

import pytest

from jobs.core.application import PHASE_TIMEOUT
from jobs.core.deadline import limits_of
from jobs.core.errors import InvalidSpecError
from jobs.core.order import Phase
from tests.builders import a_plan, a_removal
from tests.jobs.core.some_jobs import PRE, SYNC, a_job

TODO = a_plan(a_job("h", PRE, hook=True), a_job("a"), a_job("b"), a_job("c", wave=1), removals=[a_removal()])


@pytest.mark.parametrize(
    ("written", "phase", "limit_s"),
    [
        ("", "PreSync", 600.0),
        ("", "Sync", 1800.0),
        ("", "PostSync", 600.0),
        ("90s", "PreSync", 90.0),
        ("90s", "PostSync", 90.0),
        ("PreSync=2h", "PreSync", 7200.0),
        ("PreSync=2h", "Sync", 1800.0),
        ("30m, PreSync = 1h30m", "PreSync", 5400.0),
        ("30m, PreSync = 1h30m", "PreDelete", 1800.0),
        ("30m,45", "Sync", 45.0),
    ],
)
def test_each_phase_has_its_waves_times_unless_the_application_says_otherwise(
    written: str, phase: str, limit_s: float
) -> None:
    assert limits_of({PHASE_TIMEOUT: written}, 600.0).of(phase, TODO)[0] == limit_s


def test_the_time_of_the_sync_phase_counts_its_waves_and_the_prune() -> None:
    assert limits_of({}, 10.0).of(SYNC, a_plan(a_job("a")))[1] == "PILOTHOUSE_WAVE_TIMEOUT_S for each of 1"
    assert limits_of({}, 10.0).of(SYNC, TODO)[1] == "PILOTHOUSE_WAVE_TIMEOUT_S for each of 3"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("soon", "must be a duration such as 5s or 2m, not 'soon'"),
        ("0s", "needs more than 0 s: '0s'"),
        ("PreSync=", "needs more than 0 s: 'PreSync='"),
        ("Presync=1m", f"names the phase 'Presync'; phases are {', '.join(Phase)}"),
        ("-5s", "must be a duration"),
    ],
)
def test_an_annotation_that_makes_no_sense_is_named(written: str, said: str) -> None:
    with pytest.raises(InvalidSpecError, match=PHASE_TIMEOUT) as raised:
        limits_of({PHASE_TIMEOUT: written}, 600.0)
    assert said in raised.value.message
