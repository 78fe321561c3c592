"""Who owns which fields: managedFields, and what an update or a server-side apply does to them. Pure.

The rules are those of structured-merge-diff's `merge.Updater` and of the API server's field manager:
https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/merge/update.go
https://github.com/kubernetes/apimachinery/tree/master/pkg/util/managedfields/internal
"""

from dataclasses import dataclass, replace
from typing import Any

from deploy.sandbox import fieldset, typed
from deploy.sandbox.errors import ApiError, Cause, apply_conflict
from deploy.sandbox.fieldset import Set
from deploy.sandbox.merge import merged
from deploy.sandbox.schema import Node

Obj = dict[str, Any]
UNOWNED_METADATA = (
    "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields",
    "resourceVersion",
)  # fmt: skip
STRIPPED: Set = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {".": {}, **{f"f:{name}": {} for name in UNOWNED_METADATA}},
}
"""Fields that nobody owns."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of managedFields."""

    manager: str
    operation: str
    api_version: str
    time: str
    subresource: str
    fields: Set

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells entries apart: an applier is the same one at every version."""
        version = "" if self.operation == "Apply" else self.api_version
        return (self.manager, self.operation, version, self.subresource)


Managers = dict[tuple[str, str, str, str], Entry]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and when: `now` is an RFC 3339 time in seconds."""

    manager: str
    api_version: str
    subresource: str
    now: str

    def entry(self, operation: str, fields: Set) -> Entry:
        """The writer's entry over some fields."""
        return Entry(self.manager, operation, self.api_version, self.now, self.subresource, fields)


def read(obj: Obj) -> Managers:
    """The entries of an object's managedFields; a broken list counts as none."""
    entries = {}
    for raw in obj.get("metadata", {}).get("managedFields") or ():
        if not isinstance(raw, dict) or raw.get("operation") not in ("Apply", "Update"):
            return {}
        entry = Entry(
            raw.get("manager", ""), raw["operation"], raw.get("apiVersion", ""), raw.get("time") or "",
            raw.get("subresource", ""), raw.get("fieldsV1") or {},
        )  # fmt: skip
        entries[entry.key] = entry
    return entries


def written(managers: Managers) -> list[Obj]:
    """The entries as the API shows them, in its order: appliers first, then by time and name."""
    ordered = sorted(managers.values(), key=lambda e: (e.operation, e.time, e.manager, e.api_version, e.subresource))
    return [
        {
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.api_version,
            **({"time": entry.time} if entry.time else {}),
            "fieldsType": "FieldsV1",
            "fieldsV1": entry.fields,
            **({"subresource": entry.subresource} if entry.subresource else {}),
        }
        for entry in ordered
    ]


def bare(obj: Obj) -> Obj:
    """The object without its managedFields."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return obj
    return {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}


def updated(live: Obj, new: Obj, managers: Managers, *, writer: Writer, node: Node) -> Managers:
    """The owners after a create, PUT or PATCH: the writer gets what it changed, everybody loses what is gone."""
    change = typed.compare(live, new, node)
    out = _after(managers, change, keep=None)
    mine = writer.entry("Update", {})
    changed = fieldset.difference(change.changed(), STRIPPED)
    if changed:
        previous = out.get(mine.key)
        out[mine.key] = replace(mine, fields=fieldset.union(previous.fields, changed) if previous else changed)
    return out


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a server-side apply leads to: the object (without managedFields) and its owners."""

    obj: Obj
    managers: Managers


def applied(live: Obj, config: Obj, managers: Managers, *, writer: Writer, node: Node, force: bool) -> Outcome:
    """Lay a configuration over the live object.

    `live` and `config` come without managedFields. Raises ApiError (409) when fields with another value belong to
    others and `force` is off; TypedError when the configuration doesn't fit.
    """
    named = typed.fields_of(config, node)
    mine = writer.entry("Apply", fieldset.difference(named, STRIPPED))
    last = managers.get(mine.key)
    owners = {**managers, mine.key: mine}
    obj = merged(live, config, node)
    if last is not None and not fieldset.contains(mine.fields, last.fields):
        # With its name, which managedFields leave out: pruning would take it along with the last of the metadata.
        obj = _pruned(obj, {**owners, mine.key: replace(mine, fields=named)}, last, node)
    change = typed.compare(live, obj, node)
    if not force:
        _refuse_conflicts(owners, change.changed(), mine)
    owners = _after(owners, change, keep=mine.key)
    if not mine.fields:
        owners.pop(mine.key, None)
    elif last is not None and last.fields == mine.fields and last.api_version == mine.api_version and obj == live:
        owners[mine.key] = last
    return Outcome(obj, owners)


def before_first_apply(live: Obj, *, writer: Writer, node: Node) -> Managers:
    """The owner of everything in an object whose managedFields were cleared, when it is applied."""
    first = replace(writer, manager="before-first-apply", subresource="")
    empty = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": {}}
    return updated(empty, live, {}, writer=first, node=node)


def _after(managers: Managers, change: typed.Difference, *, keep: tuple[str, str, str, str] | None) -> Managers:
    """The owners once a change is made: nobody owns what is gone, only `keep` owns what got another value."""
    lost = fieldset.union(change.changed(), change.removed)
    if not lost:
        return dict(managers)
    out = {}
    for key, entry in managers.items():
        left = fieldset.difference(entry.fields, change.removed if key == keep else lost)
        if left:
            out[key] = entry if left == entry.fields else replace(entry, fields=left)
    return out


def _pruned(obj: Obj, owners: Managers, last: Entry, node: Node) -> Obj:
    """The merged object without what the applier had set before and nobody sets now."""
    set_before = typed.with_named_parents(last.fields, node)
    owned: Set = {}
    for entry in owners.values():
        owned = fieldset.union(owned, entry.fields)
    owned = typed.with_named_parents(owned, node)
    everything = typed.with_named_parents(typed.fields_of(obj, node), node)

    pruned = typed.without(obj, set_before, node)
    kept = fieldset.union(_fields(pruned, node), owned)
    pruned = typed.without(obj, fieldset.difference(everything, kept), node)
    dangling = fieldset.difference(everything, _fields(pruned, node))
    result: Obj = typed.without(obj, fieldset.intersection(dangling, set_before), node)
    return result


def _fields(value: Any, node: Node) -> Set:
    return typed.with_named_parents(typed.fields_of(value, node), node)


def _refuse_conflicts(owners: Managers, changed: Set, mine: Entry) -> None:
    """Raise for each field that another owner holds and the apply would change."""
    found: list[tuple[str, str]] = []
    for key, entry in sorted(owners.items()):
        if key != mine.key and (clash := fieldset.intersection(entry.fields, changed)):
            found += [(_shown(entry), fieldset.path_text(path)) for path in fieldset.paths(clash)]
    if found:
        raise _conflict_error(found)


def _conflict_error(found: list[tuple[str, str]]) -> ApiError:
    causes: list[Cause] = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {owner}", "field": path} for owner, path in found
    ]
    if len(found) == 1:
        return apply_conflict(f"Apply failed with 1 conflict: conflict with {found[0][0]}: {found[0][1]}", causes)
    lines = []
    for owner in sorted({owner for owner, _ in found}):
        lines += [f"conflicts with {owner}:", *(f"- {path}" for other, path in found if other == owner)]
    return apply_conflict(f"Apply failed with {len(found)} conflicts: " + "\n".join(lines), causes)


def _shown(entry: Entry) -> str:
    text = f'"{entry.manager}"'
    if entry.subresource:
        text += f' with subresource "{entry.subresource}"'
    return f"{text} using {entry.api_version}" if entry.operation == "Update" else text
