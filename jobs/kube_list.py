"""Lists of one kind, page by page and in one piece. What to list is the caller's."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.discovery import ApiResource
from jobs.core.errors import Gone, Unreachable

Json = dict[str, Any]
Fetch = Callable[[Mapping[str, str]], Awaitable[Any]]
"""Asks for one page by its query parameters and gives its decoded JSON."""

RESTARTS = 3
"""How often a list begins anew since its continue token expired."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a list, as of one resourceVersion."""

    items: tuple[Json, ...]
    """Each with its apiVersion and kind, which the API server leaves out."""
    resource_version: str
    """A watch from here misses nothing."""


async def listing_of(resource: ApiResource, params: Mapping[str, str], fetch: Fetch) -> Listing:
    """All pages. Raises Gone when the server forgot its place in the list again and again: half a list is none."""
    for _ in range(RESTARTS):
        try:
            return await _pages(resource, params, fetch)
        except Gone:
            # Reading took longer than the server keeps its snapshot.
            continue
    return await _pages(resource, params, fetch)


def as_kind(resource: ApiResource, item: Any) -> Json:
    """An object under its own kind: lists leave it out, and metadata comes as PartialObjectMetadata."""
    if not isinstance(item, dict):
        raise Unreachable(f"the API server answered no object for a {resource.kind}")
    return {**item, "apiVersion": resource.api_version, "kind": resource.kind}


async def _pages(resource: ApiResource, params: Mapping[str, str], fetch: Fetch) -> Listing:
    items: list[Json] = []
    place: dict[str, str] = {}
    while True:
        page = await fetch({**params, **place})
        if not isinstance(page, dict):
            raise Unreachable(f"the API server answered no list of {resource.plural}")
        items += (as_kind(resource, item) for item in page.get("items") or ())
        metadata = page.get("metadata") or {}
        if not metadata.get("continue"):
            return Listing(tuple(items), str(metadata.get("resourceVersion") or ""))
        place = {"continue": str(metadata["continue"])}
