"""Stretches of time by a cron schedule: open, closed, and when that changes, summer time included."""

from datetime import UTC, datetime

import pytest

from jobs.core.cron import recurring
from jobs.core.moment import Moment, moment_of
from tests.builders import NOON

HOUR_S = 3600.0


def at(text: str) -> Moment:
    """A moment written in UTC without its zone: `2026-03-29 01:30`."""
    return Moment(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("schedule", "hours", "open_now", "changes"),
    [
        ("0 12 * * *", 1, True, "2026-11-01 13:00"),  # it begins this very second
        ("0 11 * * *", 1, False, "2026-11-02 11:00"),  # and has ended this very second
        ("0 11 * * *", 1.5, True, "2026-11-01 12:30"),
        ("0 22 * * *", 8, False, "2026-11-01 22:00"),
        ("0 10 * * SUN", 4, True, "2026-11-01 14:00"),
        ("0 10 * * 1-5", 4, False, "2026-11-02 10:00"),
        ("*/30 9-12 * * *", 0.5, True, "2026-11-01 13:00"),  # one follows the other without a gap
        ("0 0 1 */2 ?", 24, True, "2026-11-02 00:00"),
        ("0 12 */2 * 1", 1, True, "2026-11-01 13:00"),  # an odd day or a Monday, as in Argo CD
        ("0 12 */2 * *", 1, True, "2026-11-01 13:00"),
        ("0 12 2-30/2 * *", 1, False, "2026-11-02 12:00"),
        ("* * * * *", 1, True, None),  # always
        ("0 0 * * *", 24, True, None),
        ("0 0 30 2 0", 1, False, "2027-02-07 00:00"),
    ],
)
def test_a_stretch_is_open_from_its_begin_to_its_end(
    schedule: str, hours: float, open_now: bool, changes: str | None
) -> None:
    found = recurring(schedule, "", hours * HOUR_S)
    assert found.is_open(NOON) is open_now
    assert found.changes_at(NOON) == (at(changes) if changes else None)


def test_a_schedule_is_read_on_the_clock_of_its_zone() -> None:
    found = recurring("0 22 * * *", "Asia/Tokyo", HOUR_S)
    assert found.changes_at(NOON) == at("2026-11-01 13:00")
    assert recurring("0 22 * * *", "America/New_York", HOUR_S).changes_at(NOON) == at("2026-11-02 03:00")


@pytest.mark.parametrize(
    ("zone", "schedule", "hours", "now", "open_now", "changes"),
    [
        # Berlin skips 02:00 to 03:00 on 2026-03-29 (01:00 UTC).
        ("Europe/Berlin", "0 22 * * *", 1, "2026-03-28 12:00", False, "2026-03-28 21:00"),
        ("Europe/Berlin", "0 22 * * *", 1, "2026-03-29 12:00", False, "2026-03-29 20:00"),
        ("Europe/Berlin", "30 2 * * *", 1, "2026-03-29 00:59", False, "2026-03-29 01:00"),  # right after the gap
        ("Europe/Berlin", "30 2 * * *", 1, "2026-03-29 01:10", True, "2026-03-29 02:00"),
        ("Europe/Berlin", "30 1 * * *", 1, "2026-03-29 01:10", True, "2026-03-29 01:30"),  # an hour is an hour
        # and has 02:00 to 03:00 twice on 2026-10-25 (00:00 and 01:00 UTC).
        ("Europe/Berlin", "30 2 * * *", 1, "2026-10-25 00:29", False, "2026-10-25 00:30"),
        ("Europe/Berlin", "30 2 * * *", 1, "2026-10-25 01:15", True, "2026-10-25 01:30"),  # 02:15, the second time
        ("Europe/Berlin", "30 2 * * *", 1, "2026-10-25 01:31", False, "2026-10-26 01:30"),  # not twice
        ("Europe/Berlin", "30 * * * *", 0.5, "2026-10-25 01:31", True, "2026-10-25 02:00"),  # every real hour
        ("America/New_York", "0 9 * * *", 1, "2026-03-07 15:00", False, "2026-03-08 13:00"),
        ("America/New_York", "0 9 * * *", 1, "2026-03-06 15:00", False, "2026-03-07 14:00"),
        ("Australia/Lord_Howe", "45 1 * * *", 1, "2026-04-04 14:50", True, "2026-04-04 15:45"),  # repeats half an hour
    ],
)
def test_the_change_to_summer_time_moves_no_window(
    zone: str, schedule: str, hours: float, now: str, open_now: bool, changes: str
) -> None:
    found = recurring(schedule, zone, hours * HOUR_S)
    assert found.is_open(at(now)) is open_now
    assert found.changes_at(at(now)) == at(changes)


@pytest.mark.parametrize(
    ("schedule", "zone", "said"),
    [
        ("@daily", "", "must have five fields"),
        ("0 0 22 * * *", "", "must have five fields"),  # seconds, which Argo CD does not know
        ("", "", "must have five fields"),
        ("0 " * 200, "", "must have five fields"),
        ("61 * * * *", "", "'61 * * * *' is not cron"),
        ("0 22 * * 1#2/3", "", "is not cron"),
        (f"{'9' * 150} * * * *", "", "is not cron"),
        ("CRON_TZ=UTC 0 22 * *", "", "is not cron"),
        ("0 0 31 2 *", "", "is not cron"),  # never
        ("0 22 * * *", "Europe/Nowhere", "the time zone 'Europe/Nowhere' is unknown"),
        ("0 22 * * *", "../../etc/passwd", "is unknown"),
        ("0 22 * * *", "Europe", "is unknown"),
    ],
)
def test_what_is_no_schedule_says_so(schedule: str, zone: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|zone") as caught:
        recurring(schedule, zone, HOUR_S)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_schedule_of_one_day_in_many_years_is_found() -> None:
    found = recurring("0 0 29 2 *", "", HOUR_S)
    assert found.changes_at(NOON) == moment_of("2028-02-29T00:00:00Z")
