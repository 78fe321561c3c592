"""What is checked before a new object is let in: its namespace, and that it is where it says it is."""

from typing import Any

from deploy.sandbox.errors import ApiError, bad_request, not_found
from deploy.sandbox.state import State
from deploy.sandbox.target import Target

Obj = dict[str, Any]
NAMESPACES = "/namespaces"


def admit_to_namespace(state: State, target: Target, name: str) -> None:
    """Raise ApiError: 404 when the namespace is missing, 403 when it is being deleted."""
    resource = target.resource
    if not resource.namespaced:
        return
    namespace = state.store.get(NAMESPACES, "", target.namespace)
    if namespace is None:
        raise not_found(state.catalogue.at("", "namespaces"), target.namespace)
    if namespace.obj["metadata"].get("deletionTimestamp"):
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {target.namespace} is being terminated",
            "field": "metadata.namespace",
        }
        details: Obj = {"name": name, "kind": resource.plural, "causes": [cause]}
        if resource.group:
            details["group"] = resource.group
        raise ApiError(
            403,
            "Forbidden",
            f'{resource.qualified} "{name}" is forbidden: unable to create new content in namespace'
            f" {target.namespace} because it is being terminated",
            details,
        )


def check_identity(target: Target, obj: Any) -> None:
    """Raise ApiError (400) when the body is no such object or belongs elsewhere."""
    if not isinstance(obj, dict) or not isinstance(obj.get("metadata", {}), dict | None):
        raise bad_request("the body must be an object with metadata")
    resource = target.resource
    if (found := obj.get("apiVersion") or resource.api_version) != resource.api_version:
        text = f"the API version in the data ({found}) does not match the expected API version ({resource.api_version})"
        raise bad_request(text)
    if (kind := obj.get("kind") or resource.kind) != resource.kind:
        raise bad_request(f"the kind in the data ({kind}) does not match the expected kind ({resource.kind})")
    metadata = obj.get("metadata") or {}
    if (namespace := metadata.get("namespace") or target.namespace) != target.namespace:
        text = f"the namespace of the provided object does not match the namespace sent on the request ({namespace})"
        if resource.namespaced:
            raise bad_request(text.removesuffix(f" ({namespace})"))
    if target.name and (name := metadata.get("name") or target.name) != target.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({target.name})")
