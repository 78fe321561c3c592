"""The sync policy: what is automatic, which options, and the announced back-off."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.sync_policy import Retry, SyncPolicy, duration_s, option_value, policy_of


def policy(**written: Any) -> SyncPolicy:
    return policy_of(Fields(written, "spec.syncPolicy"))


def test_without_a_retry_the_waits_are_5_10_20_40_and_80_seconds_and_then_no_more() -> None:
    assert [policy().retry.wait_s(n) for n in range(1, 7)] == [5, 10, 20, 40, 80, None]


def test_a_retry_without_a_limit_is_none_and_a_negative_limit_has_no_end() -> None:
    assert policy(retry={}).retry.wait_s(1) is None
    assert policy(retry={"limit": -1}).retry.wait_s(10_000) == 180.0


def test_the_longest_wait_bounds_the_growth() -> None:
    written = {"limit": 9, "backoff": {"duration": "1m", "factor": 3, "maxDuration": "5m"}}
    assert [policy(retry=written).retry.wait_s(n) for n in (1, 2, 3, 9)] == [60, 180, 300, 300]


@given(st.integers(-2, 10**6), st.integers(1, 10**6), st.floats(0, 9e9), st.floats(1, 9e18), st.floats(0, 9e9))
def test_any_wait_is_finite_and_at_least_a_second(
    limit: int, failures: int, duration: float, factor: float, longest: float
) -> None:
    wait = Retry(limit, duration, factor, longest).wait_s(failures)
    assert wait is None or 1.0 <= wait <= max(1.0, longest)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("2m", 120), ("1h", 3600), ("1m30s", 90), ("500ms", 0.5), ("90", 90), ("1.5h", 5400), ("", 7)],
)
def test_durations_are_gos_or_bare_seconds(text: str, seconds: float) -> None:
    assert duration_s(Fields({"duration": text}, ""), "duration", 7) == seconds


@pytest.mark.parametrize("text", ["5 s", "s", "-5s", "5d", "1e3s", "nan", "inf", "9" * 400, f"{9**12}h", "5s5"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidSpecError, match=r"backoff\.duration must be a duration such as 5s"):
        duration_s(Fields({"duration": text}, "backoff"), "duration", 7)


@given(st.text())
def test_any_text_is_a_duration_or_an_invalid_spec(text: str) -> None:
    try:
        found = duration_s(Fields({"d": text}, ""), "d", 1)
    except InvalidSpecError:
        return
    assert 0 <= found < 1e10


@pytest.mark.parametrize(
    ("written", "automated"),
    [
        ({}, False),
        ({"automated": {}}, True),
        ({"automated": {"enabled": False, "prune": True}}, False),
        ({"automated": None}, False),
    ],
)
def test_an_empty_automated_is_enough_to_turn_it_on(written: dict[str, Any], automated: bool) -> None:
    assert policy(**written).automated is automated


def test_of_one_option_given_twice_the_last_counts() -> None:
    options = ("Prune=false", "Validate = false", "Prune=confirm", "Bare")
    assert option_value(options, "Prune") == "confirm"
    assert option_value(options, "Validate") == "false"
    assert option_value(options, "Bare") == option_value(options, "None") == ""
