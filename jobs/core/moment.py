"""A moment as Kubernetes writes it: RFC 3339, UTC, whole seconds. The clock itself is read elsewhere and handed in."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A point in time, in seconds since 1970 UTC."""

    seconds: float

    def __str__(self) -> str:
        """`2026-11-01T12:00:00Z`, as metav1.Time is written."""
        return datetime.fromtimestamp(self.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def since(self, earlier: "Moment") -> float:
        """Seconds from an earlier moment to this one."""
        return self.seconds - earlier.seconds


def moment_of(text: object) -> Moment | None:
    """A moment from its text; None if it is none, or does not say its zone."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return Moment(found.timestamp()) if found.tzinfo else None
