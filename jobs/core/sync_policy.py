"""`spec.syncPolicy`: what Pilothouse may do by itself, and how a sync is done. Read from the spec, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.core.fields import Fields
from jobs.core.objects import texts

_DURATION = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST_S = 2**63 / 1e9
"""The longest duration Go knows, some 292 years, in seconds."""
SHORTEST_WAIT_S = 1.0
"""A wait of nothing would ask Git and the cluster without pause."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed automated sync is tried again. Defaults are Argo CD's documented ones."""

    limit: int = 5
    """Retries after the first failure; negative: no end."""
    duration_s: float = 5.0
    factor: float = 2.0
    max_duration_s: float = 180.0

    def wait_s(self, failures: int) -> float | None:
        """Seconds before the next try after so many failures (1 after the first), at least 1; None: no more."""
        if 0 <= self.limit < failures:
            return None
        try:
            grown = self.duration_s * self.factor ** max(0, failures - 1)
        except OverflowError:
            grown = self.max_duration_s
        return max(SHORTEST_WAIT_S, min(self.max_duration_s, grown))


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """The policy of an Application."""

    automated: bool = False
    prune: bool = False
    self_heal: bool = False
    allow_empty: bool = False
    options: tuple[str, ...] = ()
    """`syncOptions` as written: `Name=value`."""
    retry: Retry = field(default_factory=Retry)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    namespace_annotations: Mapping[str, str] = field(default_factory=dict)

    def option(self, name: str) -> str:
        """The value of the last option of that name; empty: not set."""
        return option_value(self.options, name)


def option_value(options: tuple[str, ...], name: str) -> str:
    """The value of the last `name=value` in a list of sync options; empty: not set."""
    found = [value.strip() for key, _, value in (option.partition("=") for option in options) if key.strip() == name]
    return found[-1] if found else ""


def policy_of(fields: Fields) -> SyncPolicy:
    """The policy from `spec.syncPolicy`; absent: manual syncs only. Raises InvalidSpecError naming the field."""
    automated, managed = fields.inner("automated"), fields.inner("managedNamespaceMetadata")
    return SyncPolicy(
        # `automated: {}` is enough to turn it on; `enabled: false` keeps the other flags but turns it off.
        automated=fields.has("automated") and automated.flag("enabled", True),
        prune=automated.flag("prune"),
        self_heal=automated.flag("selfHeal"),
        allow_empty=automated.flag("allowEmpty"),
        options=fields.texts("syncOptions"),
        retry=_retry(fields.inner("retry")) if fields.has("retry") else Retry(),
        namespace_labels=texts(managed.mapping("labels")),
        namespace_annotations=texts(managed.mapping("annotations")),
    )


def _retry(fields: Fields) -> Retry:
    backoff, usual = fields.inner("backoff"), Retry()
    return Retry(
        limit=fields.number("limit", 0),
        duration_s=duration_s(backoff, "duration", usual.duration_s),
        factor=float(max(1, backoff.number("factor", 2))),
        max_duration_s=duration_s(backoff, "maxDuration", usual.max_duration_s),
    )


def duration_s(fields: Fields, name: str, default: float) -> float:
    """A Go duration such as `1m30s`, or bare seconds, in seconds. Raises InvalidSpecError naming the field."""
    value = fields.text(name)
    if not value:
        return default
    matches = list(_DURATION.finditer(value))
    whole = "".join(match.group() for match in matches) == value
    found = sum(float(match["amount"]) * _SECONDS[match["unit"]] for match in matches)
    if value.isdecimal():
        whole, found = True, float(value)
    if not whole or found > LONGEST_S:
        fields.refuse(name, f"must be a duration such as 5s or 2m, not {value[:80]!r}")
    return found
