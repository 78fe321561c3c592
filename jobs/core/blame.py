"""Who changed what is put back, and when: read from managedFields, told in Events, results and logs. Never a value."""

from collections.abc import Mapping
from typing import Any

from jobs.core.guards import named
from jobs.core.inventory import MANAGER
from jobs.core.managed_fields import last_writer
from jobs.core.plan import Change


def told(change: Change) -> str:
    """What was not as Git says: each path, with the field manager that wrote it last and the time, if they show."""
    if change.live is None:
        return "it was gone"
    return named(tuple(f"{difference}{_by(change.live, difference.path)}" for difference in change.differences))


def _by(live: Mapping[str, Any], path: tuple[str | int, ...]) -> str:
    """Who removed a field can't be seen: it left no trace."""
    found = last_writer(live, path, MANAGER)
    return f" by {found[0]} at {found[1]}" if found else ""
