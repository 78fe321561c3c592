"""ConfigMaps, Secrets, volumes and storage classes: defaults and validation."""

import base64
import binascii
import re

from deploy.sandbox.errors import Problem, bad_request, invalid_value, required
from deploy.sandbox.kinds.kind import Allocator, Kind, Obj, fill, immutable

LIMIT = 1024 * 1024
"""Bytes of all values together."""
KEY = re.compile(r"[-._a-zA-Z0-9]+")
KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',"
    " or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def _secret_defaults(obj: Obj) -> None:
    fill(obj, type="Opaque")
    for name, text in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[name] = base64.b64encode((text or "").encode()).decode()
    for value in (obj.get("data") or {}).values():
        _check_base64(value)


def _check_base64(value: object) -> None:
    try:
        base64.b64decode(str(value or "").replace("\n", ""), validate=True)
    except binascii.Error:
        text = 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0'
        raise bad_request(text) from None


def _key_problems(obj: Obj, *fields: str) -> list[Problem]:
    return [
        invalid_value(f"{field}[{name}]", name, KEY_RULE)
        for field in fields
        for name in obj.get(field) or {}
        if not KEY.fullmatch(name)
    ]


def _size_problems(obj: Obj, *fields: str) -> list[Problem]:
    total = sum(len(value or "") for field in fields for value in (obj.get(field) or {}).values())
    return [Problem("FieldValueTooLong", "", f"Too long: may not be more than {LIMIT} bytes")] if total > LIMIT else []


def _frozen_problems(new: Obj, old: Obj | None, *fields: str) -> list[Problem]:
    """An object marked `immutable` keeps its data and its mark."""
    if old is None or not old.get("immutable"):
        return []
    text = "Forbidden: field is immutable when `immutable` is set"
    return [
        Problem("FieldValueForbidden", field, text)
        for field in ("immutable", *fields)
        if new.get(field) != old.get(field)
    ]


def _validate_secret(new: Obj, old: Obj | None) -> list[Problem]:
    found = _key_problems(new, "data") + immutable("type", new, old) + _frozen_problems(new, old, "data")
    return found + _size_problems(new, "data")


def _validate_config_map(new: Obj, old: Obj | None) -> list[Problem]:
    found = _key_problems(new, "data", "binaryData") + _frozen_problems(new, old, "data", "binaryData")
    return found + _size_problems(new, "data", "binaryData")


def _claim_defaults(obj: Obj) -> None:
    fill(obj.setdefault("spec", {}), volumeMode="Filesystem")


def _prepare_volume(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    if old is None:
        new["status"] = {"phase": "Pending"}
        short = "pvc" if new["kind"] == "PersistentVolumeClaim" else "pv"
        new["metadata"].setdefault("finalizers", []).append(f"kubernetes.io/{short}-protection")


CLAIM_MUTABLE = ("resources", "volumeAttributesClassName", "volumeName")


def _validate_claim(new: Obj, old: Obj | None) -> list[Problem]:
    problems = (
        [] if new["spec"].get("accessModes") else [required("spec.accessModes", "at least 1 access mode is required")]
    )
    if old is not None:
        kept = [{k: v for k, v in obj["spec"].items() if k not in CLAIM_MUTABLE} for obj in (new, old)]
        if kept[0] != kept[1]:
            text = "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName"
            problems.append(Problem("FieldValueForbidden", "spec", f"{text} for bound claims"))
    return problems


def _volume_defaults(obj: Obj) -> None:
    fill(obj.setdefault("spec", {}), persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    if obj["spec"].get("hostPath") is not None:
        fill(obj["spec"]["hostPath"], type="")


def _limit_range_defaults(obj: Obj) -> None:
    for limit in (obj.get("spec") or {}).get("limits") or ():
        if limit.get("type") == "Container" and (
            default := {**(limit.get("max") or {}), **(limit.get("default") or {})}
        ):
            limit["default"] = default
            limit["defaultRequest"] = {**default, **(limit.get("min") or {}), **(limit.get("defaultRequest") or {})}


def _storage_class_defaults(obj: Obj) -> None:
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _validate_storage_class(new: Obj, old: Obj | None) -> list[Problem]:
    missing = [] if new.get("provisioner") else [required("provisioner")]
    return missing + immutable("provisioner", new, old) + immutable("parameters", new, old)


SECRET = Kind(_secret_defaults, validate=_validate_secret)
CONFIG_MAP = Kind(validate=_validate_config_map)
CLAIM = Kind(_claim_defaults, _prepare_volume, _validate_claim)
LIMIT_RANGE = Kind(_limit_range_defaults)
VOLUME = Kind(_volume_defaults, _prepare_volume)
STORAGE_CLASS = Kind(_storage_class_defaults, validate=_validate_storage_class)
