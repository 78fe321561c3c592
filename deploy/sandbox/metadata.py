"""Rules for `metadata` of every kind: names, labels, finalizers, and what an update may not change."""

import re
from typing import Any

from deploy.sandbox.errors import Problem, invalid_value, required
from deploy.sandbox.resources import Resource

Obj = dict[str, Any]
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
QUALIFIED = re.compile(r"([a-z0-9A-Z]([-A-Za-z0-9_.]*[a-z0-9A-Z])?)")
FREE_NAMES = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Event"}
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
    " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
ANNOTATION_BYTES = 256 * 1024


def problems(resource: Resource, new: Obj, old: Obj | None) -> list[Problem]:
    """What is wrong with an object's metadata."""
    metadata = new["metadata"]
    found = _name(resource, metadata)
    found += _labels(metadata.get("labels") or {})
    found += _annotations(metadata.get("annotations") or {})
    found += _owners(metadata.get("ownerReferences") or ())
    for finalizer in metadata.get("finalizers") or ():
        found += _keys({finalizer: ""}, "metadata.finalizers")
    return found + (_added_finalizers(metadata, old["metadata"]) if old is not None else [])


def _name(resource: Resource, metadata: Obj) -> list[Problem]:
    name = metadata.get("name") or ""
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    if resource.group != "rbac.authorization.k8s.io" or resource.kind not in FREE_NAMES:
        form, limit, rule = _name_rule(resource)
        if len(name) > limit:
            return [Problem("FieldValueTooLong", "metadata.name", f"Too long: may not be more than {limit} bytes")]
        if not form.fullmatch(name):
            return [invalid_value("metadata.name", name, rule)]
    if "/" in name or "%" in name or name in (".", ".."):
        return [invalid_value("metadata.name", name, "may not contain '/'")]
    return []


def _name_rule(resource: Resource) -> tuple[re.Pattern[str], int, str]:
    if resource.group == "" and resource.kind in ("Service", "Namespace"):
        return LABEL, 63, LABEL_RULE
    return SUBDOMAIN, 253, SUBDOMAIN_RULE


def _labels(labels: dict[str, str]) -> list[Problem]:
    found = _keys(labels, "metadata.labels")
    for value in labels.values():
        if len(value) > 63:
            text = "must be no more than 63 bytes"
            found.append(invalid_value("metadata.labels", value, text))
        elif value and not QUALIFIED.fullmatch(value):
            found.append(invalid_value("metadata.labels", value, VALUE_RULE))
    return found


def _annotations(annotations: dict[str, str]) -> list[Problem]:
    found = _keys({key.lower(): value for key, value in annotations.items()}, "metadata.annotations")
    if sum(len(key) + len(value) for key, value in annotations.items()) > ANNOTATION_BYTES:
        text = f"Too long: may not be more than {ANNOTATION_BYTES} bytes"
        found.append(Problem("FieldValueTooLong", "metadata.annotations", text))
    return found


def _keys(mapping: dict[str, str], field: str) -> list[Problem]:
    found = []
    for key in mapping:
        prefix, slash, name = key.rpartition("/")
        if (slash and not SUBDOMAIN.fullmatch(prefix)) or not QUALIFIED.fullmatch(name) or len(name) > 63:
            found.append(invalid_value(field, key, KEY_RULE))
    return found


def _owners(references: Any) -> list[Problem]:
    return [
        invalid_value(f"metadata.ownerReferences[{index}].{name}", "", f"{name} must not be empty")
        for index, owner in enumerate(references)
        for name in ("apiVersion", "kind", "name", "uid")
        if not owner.get(name)
    ]


def _added_finalizers(metadata: Obj, before: Obj) -> list[Problem]:
    if not before.get("deletionTimestamp"):
        return []
    added = set(metadata.get("finalizers") or ()) - set(before.get("finalizers") or ())
    if not added:
        return []
    text = "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers"
    shown = ", ".join(f'"{name}"' for name in sorted(added))
    problem = Problem("FieldValueForbidden", "metadata.finalizers", f"{text} []string{{{shown}}}")
    return [problem, problem]  # as the real one: once for all kinds, once for this one
