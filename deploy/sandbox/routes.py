"""What a URL and a method mean: a place in the API and a verb, then the target there. Pure."""

from dataclasses import dataclass

from deploy.sandbox.access import Action
from deploy.sandbox.errors import no_such_page, no_such_path, not_found
from deploy.sandbox.resources import Catalogue
from deploy.sandbox.target import Target

VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class Place:
    """A path as it is written, whether or not anything is there, and the verb as RBAC names it."""

    verb: str
    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def action(self) -> Action:
        """What is asked of RBAC; a namespace counts as in itself."""
        space = self.name if (self.group, self.plural) == ("", "namespaces") else self.namespace
        return Action(self.verb, self.group, self.plural, self.subresource, space, self.name)


@dataclass(frozen=True, slots=True)
class Route:
    """A request's target and its verb."""

    target: Target
    verb: str


def place(method: str, path: str, *, watch: bool) -> Place:
    """The place of a resource path. Raises ApiError (404) for a path of another form."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_page()
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces" and not (len(rest) == 3 and rest[2] in NAMESPACE_SUBRESOURCES):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        raise no_such_path()
    plural, name, subresource = (*rest, "", "")[:3]
    return Place(_verb(method, name, watch), group, version, plural, namespace, name, subresource)


def resolve(catalogue: Catalogue, at: Place) -> Route:
    """What is at a place. Raises ApiError (404)."""
    if not catalogue.serves(at.group, at.version):
        raise no_such_page()
    resource = catalogue.find(at.group, at.version, at.plural)
    if resource is None or (at.namespace and not resource.namespaced):
        raise no_such_path()
    if resource.namespaced and at.name and not at.namespace:
        raise no_such_path()
    if at.subresource and at.subresource not in resource.subresources:
        raise not_found(resource, at.name) if resource.custom else no_such_path()
    return Route(Target(resource, at.namespace, at.name, at.subresource), at.verb)


def _verb(method: str, name: str, watch: bool) -> str:
    if method == "GET" and not name:
        return "watch" if watch else "list"
    if method == "DELETE" and not name:
        return "deletecollection"
    return VERBS.get(method, method.lower())
