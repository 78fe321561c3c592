"""An Application that somebody wants to write: checked, and made the object that is sent to the API server. Pure.

What only the cluster and Pilothouse write stays as it is: there is no status subresource, so a careless write would
replace the status, and with it the memory of every run.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jobs.core.application import KINDS, RUN, SOURCE_KEY
from jobs.core.checked import problems_of
from jobs.core.deletion import CASCADE, PROPAGATION
from receiver.asked import field_error
from receiver.errors import Changed, FieldError, Invalid
from receiver.written import WrittenApplication

Object = dict[str, Any]

IDENTITY: Object = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
OURS = (RUN, KINDS, SOURCE_KEY)
"""Annotations in which Pilothouse remembers its runs; `kinds` is where pruning looks."""
WRITABLE = ("labels", "annotations", "finalizers")
MAX_ERRORS = 20
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def created(body: Mapping[str, Any], namespace: str) -> Object:
    """The Application to create. Raises Invalid with every field that is wrong."""
    errors = [*_identity_errors(body, namespace, ""), *_errors(body)]
    if body.get("operation") is not None:
        errors.append(_asks_for_a_sync())
    _require_none(errors)
    metadata = {name: body["metadata"][name] for name in ("name", *WRITABLE) if body["metadata"].get(name)}
    metadata["annotations"] = _not_ours(metadata.get("annotations"))
    return {**IDENTITY, "metadata": {**metadata, "namespace": namespace}, "spec": body["spec"]}


def replaced(body: Mapping[str, Any], live: Mapping[str, Any]) -> Object:
    """The live Application with the spec, labels, annotations and finalizers of the body.

    Raises Invalid with every field that is wrong; Changed when the body is of another object of the name.
    """
    there = live["metadata"]
    errors = [*_identity_errors(body, there["namespace"], there["name"]), *_errors(body)]
    if body.get("operation") not in (None, live.get("operation")):
        errors.append(_asks_for_a_sync())
    _require_none(errors)
    given = body.get("metadata") or {}
    if given.get("uid") not in (None, there.get("uid")):
        raise Changed("metadata.uid: it was deleted and made again since you read it; read it again")
    kept = {name: value for name, value in (there.get("annotations") or {}).items() if name in OURS}
    metadata = {name: value for name, value in there.items() if name not in WRITABLE}
    metadata |= {name: given[name] for name in WRITABLE if given.get(name)}
    metadata["annotations"] = {**_not_ours(given.get("annotations")), **kept}
    return {**live, "metadata": metadata, "spec": body["spec"]}


def finalizers_for(live: Mapping[str, Any], *, cascade: bool) -> list[str] | None:
    """The finalizers with which its deletion takes its objects along, or leaves them; None: as they are.

    https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/
    """
    metadata = live["metadata"]
    before = list(metadata.get("finalizers") or ())
    if not cascade:
        after = [finalizer for finalizer in before if finalizer not in PROPAGATION]
    elif metadata.get("deletionTimestamp") or any(finalizer in PROPAGATION for finalizer in before):
        return None  # to something that is going none can be added
    else:
        after = [*before, CASCADE]
    return after if after != before else None


def _not_ours(annotations: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (annotations or {}).items() if name not in OURS}


def _identity_errors(body: Mapping[str, Any], namespace: str, name: str) -> list[FieldError]:
    """name: what it must be; empty: it must have one."""
    found = [
        FieldError(field, f"must be {wanted}")
        for field, wanted in IDENTITY.items()
        if body.get(field, wanted) != wanted
    ]
    metadata = body.get("metadata")
    if not isinstance(metadata, Mapping):
        return found if name and metadata is None else [*found, FieldError("metadata", "is missing or no object")]
    if metadata.get("namespace") not in (None, "", namespace):
        found.append(FieldError("metadata.namespace", f"must be {namespace}, as ?appNamespace= says"))
    if name and metadata.get("name") not in (None, "", name):
        found.append(FieldError("metadata.name", f"must be {name}, as the path says"))
    if not name and not metadata.get("name"):
        found.append(FieldError("metadata.name", "is missing"))
    return found


def _asks_for_a_sync() -> FieldError:
    return FieldError("operation", "cannot be written here: ask for a sync by POST .../sync")


def _require_none(errors: Sequence[FieldError]) -> None:
    found: dict[str, FieldError] = {}
    for error in errors:
        found.setdefault(error.field, error)
    if found:
        raise Invalid("; ".join(f"{error.field} {error.detail}" for error in found.values()), errors=[*found.values()])


def _errors(body: Mapping[str, Any]) -> list[FieldError]:
    """What makes no sense, then what has the wrong type or is no field; status and operation are not looked at."""
    written = {name: value for name, value in body.items() if name not in ("status", "operation")}
    found = [FieldError(problem.field, problem.detail) for problem in problems_of(written)]
    return found + _type_errors(_without_nulls({"metadata": {}, **written}))


def _type_errors(body: Any) -> list[FieldError]:
    """Every field that WrittenApplication does not know or has another type for: one is found, taken out, and again.

    An object that lacks a field is taken out as a whole: what else is wrong inside it was found before.
    """
    found: list[FieldError] = []
    out: set[str] = set()
    while len(found) < MAX_ERRORS:
        try:
            msgspec.convert(body, WrittenApplication)
            break
        except msgspec.ValidationError as error:
            one = field_error(error)
            where = one.field.rpartition(".")[0] if one.detail == "is missing" else one.field
            found += [one] if one.field not in out else []
            out.add(where)
            if not _taken_out(body, where):
                break
    return found


def _taken_out(body: Any, field: str) -> bool:
    """Whether the field was there and could be removed; of a value in a map only the map is known."""
    steps = [name or int(index) for name, index in _STEP.findall(field.partition("[...]")[0])]
    if not steps:
        return False
    try:
        for step in steps[:-1]:
            body = body[step]
        del body[steps[-1]]
    except (LookupError, TypeError):
        return False
    return True


def _without_nulls(value: Any) -> Any:
    """A copy without nulls, which mean the same as no field."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
