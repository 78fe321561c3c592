"""The kinds that an Application ever applied, remembered on it: where pruning looks. `Kind.group`, by comma."""

from collections.abc import Iterable, Mapping

from jobs.core.application import KINDS

GroupKind = tuple[str, str]


def kinds_of(annotations: Mapping[str, str]) -> frozenset[GroupKind]:
    """(group, kind) pairs of the annotation; anything unreadable is left out."""
    found = set()
    for entry in annotations.get(KINDS, "").split(","):
        kind, _, group = entry.strip().partition(".")
        if kind:
            found.add((group, kind))
    return frozenset(found)


def kinds_text(kinds: Iterable[GroupKind]) -> str:
    """The annotation's value, sorted."""
    return ",".join(sorted(f"{kind}.{group}" if group else kind for group, kind in kinds))
