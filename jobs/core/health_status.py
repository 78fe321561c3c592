"""The words of health and their order. Which word fits an object: health_kinds.py; an application: health.py."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class HealthStatus(StrEnum):
    """Argo CD's six words, from best to worst (https://argo-cd.readthedocs.io/en/stable/operator-manual/health/)."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"

    @property
    def severity(self) -> int:
        """0 for Healthy up to 5 for Unknown."""
        return _SEVERITY[self]


_SEVERITY = {status: severity for severity, status in enumerate(HealthStatus)}


@dataclass(frozen=True, slots=True)
class Health:
    """How an object or an application is, and why."""

    status: HealthStatus
    message: str = ""
    """One sentence for people; empty when there is nothing to add to the word."""


def worst(healths: Iterable[Health]) -> Health | None:
    """The most severe health; of equal ones the first. None when there is none."""
    return max(healths, key=lambda health: health.status.severity, default=None)


def healthy(message: str = "") -> Health:
    """It does what it should."""
    return Health(HealthStatus.HEALTHY, message)


def suspended(message: str) -> Health:
    """Somebody told it to wait."""
    return Health(HealthStatus.SUSPENDED, message)


def progressing(message: str) -> Health:
    """It is not there yet, and may still come."""
    return Health(HealthStatus.PROGRESSING, message)


def degraded(message: str) -> Health:
    """It failed, or will not come without help."""
    return Health(HealthStatus.DEGRADED, message)


def unknown(message: str) -> Health:
    """Its health cannot be told."""
    return Health(HealthStatus.UNKNOWN, message)
