"""What one kind adds to the general rules: defaults, allocations and validation. The table of all is in `kinds`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy.sandbox.errors import Problem

Obj = dict[str, Any]


class Allocator:
    """Hands out what the cluster has once only: Service addresses and node ports."""

    def __init__(self) -> None:
        self._address = 10
        self._port = 30000

    def cluster_ip(self) -> str:
        """A fresh address of 10.96.0.0/12."""
        self._address += 1
        return f"10.{96 + (self._address >> 16)}.{(self._address >> 8) & 255}.{self._address & 255}"

    def node_port(self) -> int:
        """A fresh port from 30000 on."""
        self._port += 1
        return self._port


def _no_defaults(obj: Obj) -> None:
    """Most kinds have no defaults beyond their schema."""


def _no_preparation(new: Obj, old: Obj | None, allocator: Allocator) -> None:
    """Most kinds allocate nothing."""


def _no_rules(new: Obj, old: Obj | None) -> list[Problem]:
    return []


@dataclass(frozen=True, slots=True)
class Kind:
    """The rules of one kind. All work on a private copy of the object."""

    defaults: Callable[[Obj], None] = _no_defaults
    """Fill what the writer left out; owned by the writer on create."""
    prepare: Callable[[Obj, Obj | None, Allocator], None] = _no_preparation
    """Allocate and reset on create (no old object) or update; owned by nobody."""
    validate: Callable[[Obj, Obj | None], list[Problem]] = _no_rules
    """Everything that is wrong with the object, given what it was before."""


def fill(obj: Obj, **values: Any) -> Obj:
    """Set what is not there; returns the object."""
    for name, value in values.items():
        obj.setdefault(name, value)
    return obj


def immutable(field: str, new: Obj, old: Obj | None) -> list[Problem]:
    """A problem when the value at the dotted path was changed."""
    if old is None or _at(new, field) == _at(old, field):
        return []
    value = _go_like(_at(new, field))
    return [Problem("FieldValueInvalid", field, f"Invalid value: {value}: field is immutable")]


def _at(obj: Any, path: str) -> Any:
    for name in path.split("."):
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def _go_like(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).replace("'", '"')
