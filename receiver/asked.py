"""What a caller of the API asked for: query and body, checked and turned into values. Who may ask it is access.py's.

A field that is not known is refused, never skipped: it may have been meant to restrict.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from receiver.errors import BadRequest, Missing

LIMIT, MAX_LIMIT = 100, 500
"""Applications in one page."""
MAX_WAIT_S = 300.0
MAX_SELECTOR = 1_000
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m)?")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}
_SYNC_FIELDS = {"revision": str, "prune": bool, "dryRun": bool, "resources": list}
_RESOURCE_FIELDS = ("group", "kind", "name", "namespace")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the list of Applications is asked for."""

    namespaces: tuple[str, ...]
    """To be listed one after the other."""
    selector: str
    project: str
    """Only those of this AppProject; empty: all."""
    limit: int
    namespace: str
    """Where to go on; empty: at the first."""
    token: str
    """The API server's own continue token there."""


def page_of(query: Mapping[str, str], served: Sequence[str]) -> Page:
    """`limit`, `continue`, `selector`, `project`, `namespace`. Raises BadRequest; Missing for a foreign namespace."""
    known(query, ("limit", "continue", "selector", "project", "namespace"))
    wanted = query.get("namespace", "")
    if wanted:
        namespace_of(query, served, "namespace")
    limit = query.get("limit") or str(LIMIT)
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= MAX_LIMIT:
        raise BadRequest(f"limit must be a number from 1 to {MAX_LIMIT}")
    selector = query.get("selector", "")
    if len(selector) > MAX_SELECTOR or not selector.isprintable():
        raise BadRequest(f"selector must be a label selector of at most {MAX_SELECTOR} characters")
    namespaces = (wanted,) if wanted else tuple(served)
    namespace, token = _position(query.get("continue", ""), namespaces)
    return Page(namespaces, selector, query.get("project", ""), int(limit), namespace, token)


def continue_at(namespace: str, token: str) -> str:
    """A continue token of ours: where the next page begins."""
    return base64.urlsafe_b64encode(orjson.dumps([namespace, token])).decode()


def _position(written: str, namespaces: Sequence[str]) -> tuple[str, str]:
    if not written:
        return "", ""
    try:
        match orjson.loads(base64.b64decode(written, altchars=b"-_", validate=True)):
            case [str(namespace), str(token)] if namespace in namespaces:
                return namespace, token
    except (ValueError, binascii.Error):
        pass
    raise BadRequest("continue must be a token from an earlier page of the same list")


def known(query: Mapping[str, str], names: Sequence[str]) -> None:
    """Raises BadRequest for a parameter that is not among these."""
    for name in query:
        if name not in names:
            raise BadRequest(f"unknown parameter {name[:60]!r}; known are {', '.join(names)}")


def name_of(written: str) -> str:
    """An Application's name from the path. Raises Missing: nothing else can be the name of an object."""
    if not _NAME.fullmatch(written):
        raise Missing("there is no such Application")
    return written


def namespace_of(query: Mapping[str, str], served: Sequence[str], parameter: str = "appNamespace") -> str:
    """The Application's namespace; home if none is given. Raises Missing for one that is not served here."""
    namespace = query.get(parameter) or served[0]
    if namespace not in served:
        raise Missing(f"{parameter} {namespace[:60]!r} is not served by this Pilothouse")
    return namespace


def refresh_of(query: Mapping[str, str]) -> str:
    """`refresh`: normal, hard, or empty. Raises BadRequest."""
    kind = query.get("refresh", "")
    if kind not in ("", "normal", "hard"):
        raise BadRequest("refresh must be normal or hard")
    return kind


def wait_of(query: Mapping[str, str]) -> float:
    """`wait` in seconds: `30s`, `1m`, `500ms` or `30`; 0 if absent. Raises BadRequest."""
    written = query.get("wait", "")
    if not written:
        return 0.0
    found = _DURATION.fullmatch(written)
    if not found or float(found[1]) * _UNITS_S[found[2]] > MAX_WAIT_S:
        raise BadRequest(f"wait must be a time like 30s or 1m, of at most {MAX_WAIT_S:g} s")
    return float(found[1]) * _UNITS_S[found[2]]


def sync_of(body: bytes) -> dict[str, Any]:
    """The `sync` part of an operation from the body: `revision`, `prune`, `dryRun`, `resources`; an empty body is none.

    Raises BadRequest naming the field.
    """
    sync = {name: value for name, value in _object(body).items() if value is not None}
    for name, value in sync.items():
        if name not in _SYNC_FIELDS:
            raise BadRequest(f"unknown field {name[:60]!r}; known are {', '.join(_SYNC_FIELDS)}")
        if not isinstance(value, _SYNC_FIELDS[name]):
            raise BadRequest(f"{name} must be of type {_SYNC_FIELDS[name].__name__}")
    revision = sync.get("revision", "")
    if len(revision) > 250 or not revision.isprintable() or revision.startswith("-"):
        raise BadRequest("revision must be a branch, tag or commit")
    if "resources" in sync:
        sync["resources"] = [_resource(item, index) for index, item in enumerate(sync["resources"])]
    return sync


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = orjson.loads(body.strip() or b"{}")
    except orjson.JSONDecodeError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(given, dict):
        raise BadRequest("the body must be a JSON object")
    return given


def _resource(item: object, index: int) -> dict[str, str]:
    """One entry of a selective sync."""
    where = f"resources[{index}]"
    if not isinstance(item, dict):
        raise BadRequest(f"{where} must be an object")
    for name, value in item.items():
        if name not in _RESOURCE_FIELDS or not isinstance(value, str):
            fields = ", ".join(_RESOURCE_FIELDS)
            raise BadRequest(f"{where}: {str(name)[:60]!r} is unknown or no text; known are {fields}")
    if not item.get("kind") or not item.get("name"):
        raise BadRequest(f"{where} needs kind and name")
    return {name: item[name] for name in _RESOURCE_FIELDS if item.get(name)}
