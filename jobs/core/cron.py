"""Times that come again by a cron schedule in a time zone, each the begin of a stretch of one length. Time comes in.

Five fields as Argo CD reads them (https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format), but on the
zone's own clock: Argo CD shifts by today's offset, so the change to summer time moves its windows by an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from jobs.core.moment import Moment

FIELDS = 5
DAY, WEEKDAY = 2, 4
"""Places of day of month and day of week among the fields."""
MAX_LENGTH = 200
"""Characters of a schedule."""
MAX_STARTS = 366
"""Begins looked through for a gap between two stretches: a year of days, six hours of minutes."""
ANY_TIME = Moment(0.0)


@dataclass(frozen=True, slots=True)
class Recurring:
    """Stretches of one length that begin by a schedule; they may overlap."""

    schedule: str
    """As cronsim reads it."""
    zone: tzinfo
    duration_s: float

    def is_open(self, at: Moment) -> bool:
        """Whether a stretch has begun and not ended."""
        return any(start <= at for start in islice(self._starts(self._back(at)), 1))

    def changes_at(self, at: Moment) -> Moment | None:
        """When it opens next, or closes if it is open; None: never, or only after so long that nobody looked."""
        closes = None
        for number, start in enumerate(self._starts(self._back(at))):
            if closes is None and start > at:
                return start
            if closes is not None and start > closes:
                return closes
            if number == MAX_STARTS:
                return None
            closes = Moment(start.seconds + self.duration_s)
        return closes

    def _back(self, at: Moment) -> Moment:
        return Moment(at.seconds - self.duration_s)

    def _starts(self, after: Moment) -> Iterator[Moment]:
        """Every begin after a moment, none twice."""
        for start in CronSim(self.schedule, datetime.fromtimestamp(after.seconds, self.zone)):
            found = Moment(start.timestamp())
            # In the hour that an autumn repeats, the first pass is told of in the second one, too.
            if found > after:
                yield found


def recurring(schedule: str, zone_name: str, duration_s: float) -> Recurring:
    """What these say; an empty zone is UTC. Raises ValueError saying what is wrong."""
    found = Recurring(_as_cronsim_reads(schedule), _zone(zone_name), duration_s)
    try:
        next(found._starts(ANY_TIME), None)
    except (CronSimError, ValueError, AssertionError, TypeError):
        raise ValueError(f"the schedule {schedule[:MAX_LENGTH]!r} is not cron") from None
    return found


def _as_cronsim_reads(schedule: str) -> str:
    fields = schedule.split()
    if len(fields) != FIELDS or len(schedule) > MAX_LENGTH:
        raise ValueError(f"the schedule {schedule[:MAX_LENGTH]!r} must have five fields, as in '0 22 * * *'")
    fields = ["*" if field == "?" else field for field in fields]
    # With both days restricted, one of them is enough; a step restricts, though it begins with a star.
    fields[DAY] = _explicit(fields[DAY], "1-31")
    fields[WEEKDAY] = _explicit(fields[WEEKDAY], "0-6")
    return " ".join(fields)


def _explicit(field: str, whole: str) -> str:
    return field.replace("*/", f"{whole}/") if field != "*/1" else "*"


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"the time zone {name[:MAX_LENGTH]!r} is unknown; names are like Europe/Amsterdam") from None
