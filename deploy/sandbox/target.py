"""What a request is about: a resource, a place in it, and how it is to be written."""

from dataclasses import dataclass, field
from typing import Any

from deploy.sandbox.resources import Resource

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """An object (or with an empty name a collection) and maybe a subresource of it."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How to write."""

    manager: str = "unknown"
    """Field manager: the query's, else the user agent up to its first slash."""
    dry_run: bool = False
    validation: str = "Warn"
    """fieldValidation: Strict, Warn or Ignore."""
    force: bool = False
    duplicates: tuple[str, ...] = ()
    """Fields that the body gave twice, as paths."""
    warnings: list[str] = field(default_factory=list)
    """Filled while writing; goes out as `Warning:` headers."""


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a write: the object as answered, and whether it is new."""

    obj: Obj
    created: bool = False
