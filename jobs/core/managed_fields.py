"""Who owns which field: reads an object's managedFields, and makes other tools' entries ours (design.md, part 4).

Only the sets are handled here; that the API server then removes what Git no longer has is server-side apply's doing.
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FieldPath = tuple[str, ...]
"""Elements as fieldsV1 writes them: `f:name`, `k:{"name":"web"}` (item of a list by key), `v:"x"` (by value), `i:0`."""
Path = tuple[str | int, ...]
"""The same place in one object: keys and list indexes."""
Json = dict[str, Any]

SELF = "."
"""Marks, beside its children, a field that is itself in the set."""
ADOPTED = frozenset({"helm", "argocd-controller", "before-first-apply"})
RESTART = "kubectl-rollout"
"""Owns `restartedAt` of `kubectl rollout restart`: taking it would undo the restart."""


@dataclass(frozen=True, slots=True)
class Owner:
    """One manager of a field."""

    manager: str
    operation: str
    """`Apply` or `Update`."""
    subresource: str
    """`scale`, `status`, ...; empty: the object itself."""


def owners_of(live: Mapping[str, Any], path: Path) -> tuple[Owner, ...]:
    """All managers of the field at a path of the live object; whoever owns a whole list or map owns what is below."""
    return tuple(_owner(entry) for entry in _entries(live) if _owns(entry.get("fieldsV1"), live, path))


def last_writer(live: Mapping[str, Any], path: Path, ours: str) -> tuple[str, str] | None:
    """The manager, other than ours, that last wrote the field at a path or something below it, and when (RFC 3339).

    None: nobody is on record. Entries have the time of their last change, whichever of their fields that was.
    """
    others = [
        (str(entry.get("time") or ""), str(entry.get("manager") or ""))
        for entry in _entries(live)
        if not _is_ours(entry, ours) and _touches(entry.get("fieldsV1"), live, path)
    ]
    at, manager = max(others, default=("", ""))
    return (manager, at) if manager else None


def fields_owned_by(live: Mapping[str, Any], manager: str, operation: str | None = None) -> frozenset[FieldPath]:
    """The fields a manager owns, by one operation or by any; entries of subresources don't count."""
    owners = (
        [Owner(manager, operation, "")] if operation else [Owner(manager, each, "") for each in ("Apply", "Update")]
    )
    return frozenset(path for entry in _entries(live) if _owner(entry) in owners for path in _paths(entry))


def owns_label(live: Mapping[str, Any], manager: str, label: str) -> bool:
    """Whether a manager set this label itself; a copy by another controller has another owner."""
    return ("f:metadata", "f:labels", f"f:{label}") in fields_owned_by(live, manager)


def is_ours_to_take(entry: Mapping[str, Any], ours: str) -> bool:
    """Whether an entry of managedFields is ours, or one of a tool whose work we take over."""
    return _is_ours(entry, ours) or _is_taken(entry, ours)


def removals(live: Mapping[str, Any], ours: str, wanted: Mapping[str, Any]) -> tuple[Path, ...]:
    """Places in the live object that we own, or take over, and that the wanted object no longer sets.

    The wanted object has no defaults, so a list item may lack a part of its key (a port's protocol).
    """
    owned = (path for entry in _entries(live) if is_ours_to_take(entry, ours) for path in _paths(entry))
    dropped = [path for path in dict.fromkeys(owned) if locate(wanted, path) is None and not _names_its_item(path)]
    return tuple(place for path in dropped if (place := locate(live, path)) is not None)


def take_over(live: Mapping[str, Any], ours: str) -> list[Json]:
    """A JSON patch of metadata alone that makes other tools' field entries ours; empty: there is nothing to take.

    Fails with a Conflict when the object changed since. The entry of an applier has one apiVersion, that of the live
    object here: fields that an entry of another version names are kept as far as they exist in it.
    """
    metadata = live.get("metadata") or {}
    entries = list(_entries(live))
    taken = [entry for entry in entries if _is_taken(entry, ours)]
    if not taken:
        return []
    merged = [entry for entry in entries if _is_ours(entry, ours)] + taken
    kept = [entry for entry in entries if entry not in merged]
    return [
        # Not "test": replacing it makes the server compare, and answer 409 instead of a 422 without a reason.
        {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata.get("resourceVersion")},
        {"op": "replace", "path": "/metadata/managedFields", "value": [_merged(merged, live, ours), *kept]},
    ]


def parse(fields_v1: object) -> tuple[FieldPath, ...]:
    """The members of a set, parents before children."""
    found: list[FieldPath] = []
    left: list[tuple[FieldPath, object]] = [((), fields_v1)]
    while left:
        path, node = left.pop()
        children = node if isinstance(node, Mapping) else {}
        if path and (not children or SELF in children):
            found.append(path)
        left += [((*path, element), child) for element, child in reversed(list(children.items())) if element != SELF]
    return tuple(found)


def serialize(paths: Iterable[FieldPath]) -> Json:
    """The set as fieldsV1: the inverse of parse."""
    members = set(paths)
    root: Json = {}
    for path in sorted(members):
        node = root
        for end, element in enumerate(path, start=1):
            if element not in node:
                node[element] = {}
            if not node[element] and end < len(path) and path[:end] in members:
                node[element][SELF] = {}
            node = node[element]
    return root


def locate(body: Any, path: FieldPath) -> Path | None:
    """Where the field is in an object; None: not there. Iterates, since custom resources nest as deep as they like."""
    place: list[str | int] = []
    here = body
    for element in path:
        part = _part(here, element)
        if part is None:
            return None
        place.append(part)
        here = here[part]
    return tuple(place)


def _part(here: Any, element: str) -> str | int | None:
    """The key or index that an element means in this map or list; None: it isn't there."""
    kind, _, text = element.partition(":")
    if kind == "f":
        return text if isinstance(here, Mapping) and text in here else None
    if not isinstance(here, list):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if kind == "i":
        return value if type(value) is int and 0 <= value < len(here) else None
    return _with_key(here, value) if kind == "k" else _with_value(here, value)


def _names_its_item(path: FieldPath) -> bool:
    """Whether a field is part of the key of the item it is in: it comes and goes with the item."""
    return len(path) > 1 and path[-2].startswith("k:") and f'"{path[-1][2:]}":' in path[-2]


def _with_value(items: Sequence[object], value: object) -> int | None:
    return next((index for index, item in enumerate(items) if _same(item, value)), None)


def _with_key(items: Sequence[Any], key: object) -> int | None:
    """The item with this key; else the only one that contradicts no part of it, the rest being left to defaults."""
    if not isinstance(key, Mapping):
        return None
    partial = []
    for index, item in enumerate(items):
        shared = [name for name in key if isinstance(item, Mapping) and name in item]
        if shared and all(_same(item[name], key[name]) for name in shared):
            if len(shared) == len(key):
                return index
            partial.append(index)
    return partial[0] if len(partial) == 1 else None


def _same(one: object, other: object) -> bool:
    """Equal as JSON: true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _entries(live: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries = (live.get("metadata") or {}).get("managedFields")
    return (entry for entry in entries or () if isinstance(entry, Mapping))


def _paths(entry: Mapping[str, Any]) -> tuple[FieldPath, ...]:
    return parse(entry.get("fieldsV1"))


def _owner(entry: Mapping[str, Any]) -> Owner:
    return Owner(*(str(entry.get(key) or "") for key in ("manager", "operation", "subresource")))


def _is_ours(entry: Mapping[str, Any], ours: str) -> bool:
    return _owner(entry) == Owner(ours, "Apply", "")


def _is_taken(entry: Mapping[str, Any], ours: str) -> bool:
    owner = _owner(entry)
    if owner.subresource or owner.manager == RESTART:
        return False
    if owner.manager == ours:
        return owner.operation == "Update"  # from a create; beside our Apply entry it would keep what Git dropped
    return owner.manager in ADOPTED or owner.manager.startswith("kubectl")


def _merged(entries: Sequence[Mapping[str, Any]], live: Mapping[str, Any], ours: str) -> Json:
    version = live.get("apiVersion")
    paths = {
        path
        for entry in entries
        for path in _paths(entry)
        if entry.get("apiVersion") == version or locate(live, path) is not None
    }
    times = [str(entry["time"]) for entry in entries if entry.get("time")]
    return {
        "manager": ours,
        "operation": "Apply",
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "fieldsV1": serialize(paths),
        **({"time": max(times)} if times else {}),
    }


def _owns(node: Any, live: Any, path: Path) -> bool:
    found = _at(node, live, path)
    return found is not None and (not found or SELF in found)


def _touches(node: Any, live: Any, path: Path) -> bool:
    return _at(node, live, path) is not None


def _at(node: Any, live: Any, path: Path) -> Mapping[str, Any] | None:
    """The part of a set at a path: empty if it is owned as a whole there or above; None: nothing of it is."""
    here = live
    for part in path:
        if not isinstance(node, Mapping) or not node:
            break
        element = next((element for element in node if element != SELF and _part(here, element) == part), None)
        if element is None:
            return None
        node, here = node[element], here[part]
    return node if isinstance(node, Mapping) else None
