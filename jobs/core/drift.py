"""Drift: where a live object and what the server's dry run predicts differ in a way that counts (design.md, part 4).

Only paths that the manifest sets, or that we own and no longer set, count; the rest comes from admission and defaults:
it is shown, never healed. `status`, managedFields, generation and resourceVersion never count.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.inventory import MANAGER
from jobs.core.managed_fields import removals

Path = tuple[str | int, ...]
IGNORED_METADATA = frozenset(
    {"managedFields", "generation", "resourceVersion", "uid", "creationTimestamp", "selfLink", "deletionTimestamp"}
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One path at which live and predicted are not the same."""

    path: Path
    live: Any
    """None: not there."""
    wanted: Any
    """None: to be removed."""

    def __str__(self) -> str:
        """The path alone: values may be secret."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)


def differences(
    live: Mapping[str, Any],
    predicted: Mapping[str, Any],
    manifest: Mapping[str, Any],
    *,
    admission: bool = False,
    takes_over: bool = True,
) -> tuple[Difference, ...]:
    """What applying would change, as far as it counts; empty: in sync.

    admission: count what admission changes too (`IncludeMutationWebhook=true`). takes_over: count the fields of tools
    whose work is taken over and that the manifest does not set.
    """
    removed = set(removals(live, MANAGER, manifest))
    found = [
        item
        for item in _walk(_comparable(live), _comparable(predicted), ())
        if admission or _set_by(manifest, item.path) or _covered(item.path, removed)
    ]
    # The dry run takes over no other tool's fields, so it still holds those that Git dropped.
    seen = {item.path for item in found}
    left = sorted((path for path in removed if not _covered(path, seen)), key=str) if takes_over else []
    return (*found, *(Difference(path, _at(live, path), None) for path in left))


def _at(body: Any, path: Path) -> Any:
    for part in path:
        body = body[part]
    return body


def _comparable(body: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in body.items() if key != "status"}
    kept["metadata"] = {k: v for k, v in (kept.get("metadata") or {}).items() if k not in IGNORED_METADATA}
    return kept


def _walk(live: Any, wanted: Any, path: Path) -> Iterator[Difference]:
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        for key in [*live, *(key for key in wanted if key not in live)]:
            yield from _walk(live.get(key), wanted.get(key), (*path, str(key)))
    elif isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        for index, (one, other) in enumerate(zip(live, wanted, strict=True)):
            yield from _walk(one, other, (*path, index))
    elif live != wanted:
        yield Difference(path, live, wanted)


def _set_by(manifest: Any, path: Path) -> bool:
    """Whether the manifest says something at the path or below it.

    Below a list it counts as a whole: the server may order and merge the items in its own way.
    """
    here = manifest
    for part in path:
        if isinstance(here, list):
            return True
        if not isinstance(here, Mapping) or part not in here:
            return False
        here = here[part]
    return True


def _covered(path: Path, removed: set[Path]) -> bool:
    return any(path[: len(gone)] == gone or gone[: len(path)] == path for gone in removed)
