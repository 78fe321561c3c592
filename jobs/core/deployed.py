"""What was deployed last, remembered on the Application: the source key, and how often another key failed since.

Only a sync that found or made everything as Git says stores a key; refresh compares, never stores (design.md, part 3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs.core.application import SOURCE_KEY

UNKNOWN = "unknown"
"""Stands for the key of a run that failed before it had one: nothing was applied for it."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The value of the annotation `pilothouse.dev/source-key`."""

    key: str = ""
    """Key of the last success; empty: never."""
    failed_key: str = ""
    """Key of the last failure since; empty: none."""
    failures: int = 0
    """How often `failed_key` failed in a row."""

    def __str__(self) -> str:
        """As it is written: `key[,failed_key,failures]`."""
        return f"{self.key},{self.failed_key},{self.failures}" if self.failed_key else self.key

    def is_at(self, key: str) -> bool:
        """Whether this key was deployed and no other was tried since, of which something may have been applied."""
        return self.key == key and self.failed_key in ("", UNKNOWN, key)

    def succeeded(self, key: str) -> "Deployed":
        """After a success with this key."""
        return Deployed(key)

    def failed(self, key: str) -> "Deployed":
        """After a failure with this key."""
        failures = self.failures + 1 if self.failed_key == key else 1
        return replace(self, failed_key=key, failures=failures)

    def tried(self, key: str) -> "Deployed":
        """After a sync with this key was stopped on its way: something of it is there, and it failed no more often."""
        failures = self.failures if self.failed_key == key else 0
        return replace(self, failed_key=key, failures=failures)


def deployed_of(annotations: Mapping[str, str]) -> Deployed:
    """What an Application remembers; anything unreadable counts as nothing, which only costs a render."""
    key, _, rest = annotations.get(SOURCE_KEY, "").partition(",")
    failed_key, _, failures = rest.partition(",")
    return Deployed(key, failed_key, int(failures) if failures.isdecimal() and len(failures) < 10 else 0)
