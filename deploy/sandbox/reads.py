"""Get and list, whole or metadata only, as bytes ready to send."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from deploy.sandbox import selectors
from deploy.sandbox.errors import ApiError, bad_request, expired, not_found
from deploy.sandbox.resources import Resource
from deploy.sandbox.selectors import Matches
from deploy.sandbox.state import State
from deploy.sandbox.store import Stored
from deploy.sandbox.target import Target

Obj = dict[str, Any]
Form = Literal["whole", "metadata"]
EXPIRED_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without"
    " the continue parameter, or use the continue token in this response to retrieve the remainder of the results."
    " Continuing with the provided token results in an inconsistent list - objects that were created, modified, or"
    " deleted between the time the first chunk was returned and now may show up in the list."
)

EXPIRED_EXACT = "The resourceVersion for the provided list is too old."


@dataclass(frozen=True, slots=True)
class Query:
    """Which objects of a collection."""

    labels: Matches | None = None
    fields: Matches | None = None
    limit: int = 0
    token: str = ""
    revision: int | None = None
    """`resourceVersion`; `None`: not said."""
    exact: bool = False
    """`resourceVersionMatch=Exact`: the state as of that revision."""

    def matches(self, obj: Obj) -> bool:
        """Whether the selectors take the object."""
        return (self.labels is None or self.labels(obj)) and (self.fields is None or self.fields(obj))


def query_of(params: dict[str, str], resource: Resource) -> Query:
    """The selection of a request. Raises ApiError (400)."""
    revision = params.get("resourceVersion", "")
    if revision and not revision.isdigit():
        text = f'Invalid value: "{revision}": strconv.ParseUint: parsing "{revision}": invalid syntax'
        raise bad_request(f"invalid resource version: resourceVersion: {text}")
    limit = params.get("limit") or "0"
    if not limit.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax')
    return Query(
        labels=selectors.labels(params.get("labelSelector", "")),
        fields=selectors.fields(params.get("fieldSelector", ""), resource.key),
        limit=int(limit),
        token=params.get("continue", ""),
        revision=int(revision) if revision else None,
        exact=params.get("resourceVersionMatch") == "Exact",
    )


def get(state: State, target: Target, form: Form) -> bytes:
    """One object. Raises ApiError (404)."""
    stored = state.store.get(target.resource.key, target.namespace, target.name)
    if stored is None:
        raise not_found(target.resource, target.name)
    return shown(stored, target.resource, form)


def shown(stored: Stored, resource: Resource, form: Form) -> bytes:
    """An object as JSON, at the asked version and in the asked form."""
    if form == "metadata":
        return orjson.dumps(
            {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": stored.obj["metadata"]}
        )
    if stored.obj["apiVersion"] != resource.api_version:
        return orjson.dumps({**stored.obj, "apiVersion": resource.api_version})
    return stored.raw


def list_all(state: State, target: Target, query: Query, form: Form) -> bytes:
    """A page of a collection. Raises ApiError: 400 (continue token), 410 (too old), 504 (from the future)."""
    resource = target.resource
    revision, rows = _snapshot(state, target, query)
    found = [row for row in rows if query.matches(row[2].obj)]
    page = found[: query.limit] if query.limit else found
    meta: Obj = {"continue": ""} if resource.custom else {}
    meta["resourceVersion"] = str(revision)
    if len(page) < len(found):
        meta["continue"] = _token(revision, page[-1][:2])
        if query.labels is None and query.fields is None:
            meta["remainingItemCount"] = len(found) - len(page)
    return _list_body(resource, meta, [row[2] for row in page], form)


def _snapshot(state: State, target: Target, query: Query) -> tuple[int, list[tuple[str, str, Stored]]]:
    """The revision of a list and its rows: now, as of an exact revision, or where a continue token left off."""
    store, key = state.store, target.resource.key
    if query.token:
        revision, after = _opened(query.token)
        return revision, [row for row in _rows_at(state, target, revision, EXPIRED_CONTINUE) if row[:2] > after]
    if query.revision is not None and query.revision > store.revision:
        text = f"Timeout: Too large resource version: {query.revision}, current: {store.revision}"
        causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
        raise ApiError(504, "Timeout", text, {"causes": causes, "retryAfterSeconds": 1})
    if query.exact and query.revision:
        return query.revision, _rows_at(state, target, query.revision, EXPIRED_EXACT)
    return store.revision, list(store.rows(key, target.namespace))


def _rows_at(state: State, target: Target, revision: int, text: str) -> list[tuple[str, str, Stored]]:
    try:
        return state.store.rows_at(target.resource.key, revision, target.namespace)
    except ApiError:
        raise expired(text) from None


def _list_body(resource: Resource, meta: Obj, rows: list[Stored], form: Form) -> bytes:
    kind, version = f"{resource.kind}List", resource.api_version
    if form == "metadata":
        kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
    items = [shown(stored, resource, form) for stored in rows]
    if form == "whole" and not resource.custom:
        prefix = orjson.dumps({"apiVersion": version, "kind": resource.kind})[:-1] + b","
        items = [b"{" + item.removeprefix(prefix) for item in items]  # typed lists name the kind once
    head = orjson.dumps({"kind": kind, "apiVersion": version, "metadata": meta})[:-1]
    return head + b',"items":[' + b",".join(items) + b"]}"


def _token(revision: int, last: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([revision, *last])).decode()


def _opened(token: str) -> tuple[int, tuple[str, str]]:
    try:
        revision, namespace, name = orjson.loads(base64.urlsafe_b64decode(token))
        return int(revision), (str(namespace), str(name))
    except (ValueError, TypeError, binascii.Error):
        raise bad_request("continue key is not valid: invalid continue token") from None
