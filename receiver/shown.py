"""An Application as it is shown, and which version of it that is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from receiver.chosen import Facts

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Item:
    """One Application as it is now, kept for those who follow it."""

    version: int
    facts: Facts
    body: bytes = field(repr=False)
    """Its JSON, as it is shown."""

    @classmethod
    def of(cls, application: Mapping[str, Any]) -> "Item":
        """Anybody may have written it."""
        return cls(number_of(version_of(application)), Facts.of(application), orjson.dumps(shown(application)))


def shown(application: Mapping[str, Any]) -> Object:
    """The object without what only the API server needs."""
    metadata = {key: value for key, value in application.get("metadata", {}).items() if key != "managedFields"}
    return {**application, "metadata": metadata}


def version_of(application: Mapping[str, Any]) -> str:
    """Its resourceVersion: another one after every change."""
    return str((application.get("metadata") or {}).get("resourceVersion") or "")


def number_of(version: str) -> int:
    """A resourceVersion to compare with others of its kind; -1: it is none.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 20 else -1


def etag(application: Mapping[str, Any]) -> dict[str, str]:
    """The header that names this version of the object (https://www.rfc-editor.org/rfc/rfc9110#name-etag)."""
    return {"ETag": f'"{version_of(application)}"'}
