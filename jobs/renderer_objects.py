"""From documents to objects: lists unrolled, and nothing without a name let through. Child side."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobs.core.errors import RenderError
from jobs.core.helm_order import Document, events

ARGO_HOOK = "argocd.argoproj.io/hook"


def objects(documents: Iterable[Document]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each object with the file it comes from. Raises RenderError naming file and document of what is no object."""
    for document in documents:
        for body in _unrolled(document.body, document):
            _require_identity(body, document)
            yield document.origin, body


def _unrolled(body: Mapping[str, Any], document: Document) -> Iterator[Mapping[str, Any]]:
    items = body.get("items")
    if not str(body.get("kind") or "").endswith("List") or "items" not in body or _name(body):
        yield body
        return
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, Mapping):
            raise RenderError(f"{document.place}: an item of this {body.get('kind')} is no object")
        yield from _unrolled(item, document)


def _name(body: Mapping[str, Any]) -> object:
    metadata = body.get("metadata")
    return metadata.get("name") if isinstance(metadata, Mapping) else None


def _require_identity(body: Mapping[str, Any], document: Document) -> None:
    for field in ("apiVersion", "kind"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise RenderError(f"{document.place}: an object needs {field} as text")
    metadata = body.get("metadata")
    if not isinstance(metadata, Mapping):
        raise RenderError(f"{document.place}: {body['kind']} has no metadata")
    name = metadata.get("name")
    if name is None and metadata.get("generateName") and _is_hook(body):
        return
    if not isinstance(name, str) or not name:
        what = "is not text" if name else "is missing"
        raise RenderError(f"{document.place}: metadata.name of this {body['kind']} {what} (quote it if it is a number)")
    namespace = metadata.get("namespace")
    if namespace is not None and not isinstance(namespace, str):
        raise RenderError(f"{document.place}: metadata.namespace of {body['kind']} {name} is not text")


def _is_hook(body: Mapping[str, Any]) -> bool:
    annotations = (body.get("metadata") or {}).get("annotations")
    return events(body) is not None or (isinstance(annotations, Mapping) and ARGO_HOOK in annotations)
