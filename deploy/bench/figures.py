"""A figure of the bench, and what it is held against. Pure.

Argo CD's figures were measured on two cores with Argo CD 3.x at its defaults and a webhook; ours come from this run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

PUSH_P50, PUSH_P99 = "push to new image, p50", "push to new image, p99"
RENDERS = "renders per push that changes one chart, most"
ALL_CHANGED = "one push changes all, to the last image"
FIRST_SYNC, ALL_HEALTHY = "first sync of all, to the last apply", "first sync of all, to all Healthy"
HEAL_P50, HEAL_MAX = "drift to healed, p50", "drift to healed, longest"
HEAL_LAST = "drift to healed, the last of many, p50"
IDLE, IDLE_CPU = "API requests when idle", "share of a core when idle"
MEMORY = "memory of all processes (PSS)"

ARGO_CD = {
    (PUSH_P50, 20): 3.7,
    (PUSH_P50, 100): 13.0,
    (ALL_CHANGED, 100): 100.0,
    (HEAL_P50, None): 0.6,
    (MEMORY, None): 670.0,
}
"""(figure, applications or None for any number) -> measured, in the figure's unit."""
AIMS = {
    (PUSH_P50, None): 0.25,
    (RENDERS, None): 1.0,
    (ALL_CHANGED, 100): 8.0,
    (FIRST_SYNC, 100): 10.0,
    (FIRST_SYNC, 1000): 90.0,
    (HEAL_P50, None): 0.3,
    (HEAL_LAST, None): 0.3,
    (IDLE, None): 30.0,
    (IDLE_CPU, None): 3.0,
    (MEMORY, 1000): 450.0,
    (MEMORY, None): 350.0,
}
"""The same for what the design promises on two cores."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number."""

    name: str
    applications: int
    value: float
    unit: str
    """s, /min, %, MB, or empty for a count."""
    floor: float | None = None
    """What the same costs without Pilothouse, measured in the same run; None: there is no such thing."""
    note: str = ""

    @property
    def argo_cd(self) -> float | None:
        """Argo CD's figure; None: not known."""
        return ARGO_CD.get((self.name, self.applications), ARGO_CD.get((self.name, None)))

    @property
    def aim(self) -> float | None:
        """At most so much; None: nothing is promised."""
        return AIMS.get((self.name, self.applications), AIMS.get((self.name, None)))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
