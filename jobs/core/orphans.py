"""Orphans: objects in the namespace of an application that belong to no Application and to no other object.

https://argo-cd.readthedocs.io/en/stable/user-guide/orphaned-resources/
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.glob import GlobError, text_glob
from jobs.core.guards import named
from jobs.core.inventory import BORN_WITH_NAMESPACE, COMES_AND_GOES, tracked_by
from jobs.core.objects import ObjectId, identity, metadata_of, texts
from jobs.core.project import object_refusal, spec_of
from jobs.core.rules import Rules

FIELD = "orphanedResources"
API_SERVER = ObjectId("", "Service", "default", "kubernetes")
ACCOUNT_OF_TOKEN = "kubernetes.io/service-account.name"  # noqa: S105  # the key of an annotation
"""Annotation on the Secret of a service account's token."""


def is_asked(rules: Rules) -> bool:
    """Whether the project wants to be warned of orphans, and there is a namespace to look into."""
    spec = spec_of(rules.project, rules.application.project)
    return spec.inner(FIELD).flag("warn") and bool(rules.application.destination.namespace)


def orphans(bodies: Iterable[Mapping[str, Any]], rules: Rules) -> tuple[str, ...]:
    """Those among the objects of the namespace, sorted. Their metadata is enough. Raises InvalidSpecError for a glob.

    What the project does not allow there is somebody else's business.
    """
    ignored = spec_of(rules.project, rules.application.project).inner(FIELD).each("ignore")
    found = [body for body in bodies if _is_orphan(body, rules)]
    ids = [identity(body) for body in found]
    return tuple(sorted(str(target) for target in ids if not any(_matches(entry, target) for entry in ignored)))


def warning(found: tuple[str, ...], unlisted: tuple[str, ...], rules: Rules) -> str:
    """The condition's message; empty: there are no orphans. unlisted: kinds that could not be looked at."""
    if not found:
        return ""
    place = f"in namespace {rules.application.destination.namespace}"
    count, verb = (f"{len(found)} objects", "belong") if len(found) > 1 else ("an object", "belongs")
    said = f"{count} {place} {verb} to no Application: {named(found)}"
    return f"{said}; not listed: {', '.join(unlisted)}" if unlisted else said


def _is_orphan(body: Mapping[str, Any], rules: Rules) -> bool:
    target, metadata = identity(body), metadata_of(body)
    if target.kind in COMES_AND_GOES or (target.kind, target.name) in BORN_WITH_NAMESPACE or target == API_SERVER:
        return False
    if texts(metadata.get("annotations")).get(ACCOUNT_OF_TOKEN) == "default":
        return False
    if metadata.get("ownerReferences") or metadata.get("deletionTimestamp") or _belongs(body, rules):
        return False
    return object_refusal(rules.project, rules.application, target, rules.cluster) is None


def _belongs(body: Mapping[str, Any], rules: Rules) -> bool:
    """To an Application that there is; those of other installations are taken at their word."""
    tracked = tracked_by(body)
    return bool(tracked) and (tracked.partition("/")[0] != rules.owner.installation or tracked in rules.neighbours)


def _matches(entry: Fields, target: ObjectId) -> bool:
    """An entry without kind or name is for all of them; one without group for the core group only, as in Argo CD."""
    wanted = ((entry.text("group"), target.group), (entry.text("kind", "*"), target.kind))
    return all(_glob(entry, pattern, text) for pattern, text in (*wanted, (entry.text("name", "*"), target.name)))


def _glob(entry: Fields, pattern: str, text: str) -> bool:
    try:
        return text_glob(pattern).matches(text)
    except GlobError as error:
        raise InvalidSpecError(f"{entry.path}: {error}") from None
