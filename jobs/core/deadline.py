"""How long each phase of a sync may wait, and when that time is over: nothing hangs for ever.

The setting gives each phase its time once for every wave in it; an annotation on the Application says otherwise, for
all phases or for some: `20m`, or `30m, PreSync=2h`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.core.application import PHASE_TIMEOUT
from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.moment import Moment
from jobs.core.order import Phase
from jobs.core.plan import Plan
from jobs.core.run import Run
from jobs.core.sync_policy import duration_s

ALL = ""
"""Stands for every phase that is not named."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The time of each phase."""

    wave_s: float
    """PILOTHOUSE_WAVE_TIMEOUT_S, in seconds."""
    written: Mapping[str, float] = field(default_factory=dict)
    """What the annotation says, in seconds by phase; ALL: of the others."""

    def of(self, phase: str, todo: Plan) -> tuple[float, str]:
        """Seconds, and where they come from."""
        for name in (phase, ALL):
            if name in self.written:
                return self.written[name], f"the annotation {PHASE_TIMEOUT}"
        waves = {change.wave for change in todo.changes if change.phase == phase}
        prunes = phase == Phase.SYNC and bool(todo.removals or todo.leaving)
        count = max(1, len(waves) + prunes)
        return self.wave_s * count, f"PILOTHOUSE_WAVE_TIMEOUT_S for each of {count}"

    def overdue(self, todo: Plan, run: Run, at: Moment, waits_for: str) -> str:
        """Why a run that waits gives up now; empty: it may go on waiting."""
        limit_s, source = self.of(run.waits_in, todo)
        if run.waits_since is None or at.since(run.waits_since) <= limit_s:
            return ""
        return f"gave up after {limit_s:g} s in phase {run.waits_in} ({source}) {waits_for}"


def limits_of(annotations: Mapping[str, str], wave_s: float) -> Limits:
    """The limits of an Application. Raises InvalidSpecError when its annotation makes no sense."""
    found: dict[str, float] = {}
    for part in filter(None, map(str.strip, annotations.get(PHASE_TIMEOUT, "").split(","))):
        name, _, text = (word.strip() for word in part.rpartition("="))
        if name and name not in list(Phase):
            raise InvalidSpecError(
                f"annotation {PHASE_TIMEOUT} names the phase {name[:80]!r}; phases are {', '.join(Phase)}"
            )
        found[name] = duration_s(Fields({PHASE_TIMEOUT: text}, "metadata.annotations"), PHASE_TIMEOUT, 0.0)
        if not found[name] > 0:
            raise InvalidSpecError(f"annotation {PHASE_TIMEOUT} needs more than 0 s: {part[:80]!r}")
    return Limits(wave_s, found)
