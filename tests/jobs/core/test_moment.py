"""Moments as Kubernetes writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.moment import Moment, moment_of

YEAR_2200 = 7_258_118_400


@given(st.integers(0, YEAR_2200))
def test_a_whole_second_survives_being_written(seconds: int) -> None:
    assert moment_of(str(Moment(float(seconds)))) == Moment(float(seconds))


@given(st.floats(0, YEAR_2200))
def test_a_written_moment_is_less_than_a_second_early(seconds: float) -> None:
    found = moment_of(str(Moment(seconds)))
    assert found is not None
    assert 0 <= Moment(seconds).since(found) <= 1


@pytest.mark.parametrize("text", ["", "now", "2026-11-01", "2026-11-01T12:00:00", None, 7, "2026-13-01T00:00:00Z"])
def test_what_is_no_moment_or_has_no_zone_is_none(text: object) -> None:
    assert moment_of(text) is None


@given(st.text() | st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()))
def test_any_text_is_read_or_none(text: str) -> None:
    assert moment_of(text) is None or isinstance(moment_of(text), Moment)


def test_other_zones_and_fractions_are_read() -> None:
    assert moment_of("2026-11-01T13:00:00+01:00") == moment_of("2026-11-01T12:00:00Z")
    assert moment_of("2026-11-01T12:00:00.25Z") == Moment(1_793_534_400.25)
