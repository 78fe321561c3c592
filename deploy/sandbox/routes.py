"""What a URL and a method mean: the target in the API, and the verb. Pure."""

from dataclasses import dataclass

from deploy.sandbox.errors import no_such_page, no_such_path, not_found
from deploy.sandbox.resources import Catalogue
from deploy.sandbox.target import Target

VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class Route:
    """A request's target and its verb as RBAC names it."""

    target: Target
    verb: str


def route(catalogue: Catalogue, method: str, path: str, *, watch: bool) -> Route:
    """The meaning of a resource path. Raises ApiError (404)."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"]:
        group, version, rest = "", parts[1] if len(parts) > 1 else "", parts[2:]
    elif len(parts) >= 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces" and not (len(rest) == 3 and rest[2] in NAMESPACE_SUBRESOURCES):
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3:
        raise no_such_path()
    plural, name, subresource = (*rest, "", "")[:3]
    return Route(_target(catalogue, (group, version, plural), namespace, name, subresource), _verb(method, name, watch))


def _target(catalogue: Catalogue, place: tuple[str, str, str], namespace: str, name: str, subresource: str) -> Target:
    resource = catalogue.find(*place)
    if resource is None and not catalogue.serves(place[0], place[1]):
        raise no_such_page()
    if resource is None or (namespace and not resource.namespaced):
        raise no_such_path()
    if resource.namespaced and name and not namespace:
        raise no_such_path()
    if subresource and subresource not in resource.subresources:
        raise not_found(resource, name) if resource.custom else no_such_path()
    return Target(resource, namespace, name, subresource)


def _verb(method: str, name: str, watch: bool) -> str:
    if method == "GET" and not name:
        return "watch" if watch else "list"
    if method == "DELETE" and not name:
        return "deletecollection"
    return VERBS.get(method, method.lower())
