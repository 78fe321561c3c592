"""Reasons an object may not be applied or pruned, or can't be judged yet: one small function for each."""

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.core import project, restrictions
from jobs.core.application import DELETION_APPROVED
from jobs.core.errors import KubeError, NotFound
from jobs.core.inventory import other_owner
from jobs.core.objects import Manifest
from jobs.core.order import hook_of
from jobs.core.rules import Rules
from jobs.core.sync_policy import option_value

MAX_NAMED = 5
"""Objects that a message names before it only counts the rest."""

TERMINATING = "because it is being terminated"
"""What the API server (1.36) says of a new object in a Namespace that goes."""


def of_everything(anything_rendered: bool, *, removals_exist: bool, rules: Rules) -> Iterator[str]:
    """Refusals of the whole sync."""
    if not anything_rendered and removals_exist and not rules.allow_empty:
        yield (
            "the sources render nothing while objects of this Application exist; "
            "if they are to go, set spec.syncPolicy.automated.allowEmpty"
        )


def of_object(manifest: Manifest, live: Mapping[str, Any] | None, rules: Rules) -> Iterator[str]:
    """Refusals of one object."""
    yield from restrictions.object_refusals(manifest)
    forbidden = project.object_refusal(rules.project, rules.application, manifest.id, rules.cluster)
    if forbidden:
        yield forbidden
    shared = _belongs_to_another(manifest, live, rules)
    if shared:
        yield shared


def deferral(manifest: Manifest, live: Mapping[str, Any] | None, problem: KubeError | None, rules: Rules) -> str:
    """Why an object can't be judged before other parts of the plan are done; empty: it can."""
    if live is not None and (live.get("metadata") or {}).get("deletionTimestamp") and hook_of(manifest) is None:
        return "it is being deleted, and created again once it is gone"
    if problem is None:
        return ""
    if manifest.id.group_kind in rules.made_here and isinstance(problem, NotFound):
        return "its CustomResourceDefinition comes with this sync"
    if manifest.id.namespace in rules.namespaces_made and isinstance(problem, NotFound):
        return "its Namespace comes with this sync"
    if manifest.id.namespace in rules.namespaces_made and problem.status == 403 and TERMINATING in problem.message:
        return "its Namespace is being deleted, and created again once it is gone"
    if rules.grants and problem.status == 403 and "escalat" in problem.message:
        return "the Role it needs comes with this sync"
    return ""


def clash(manifest: Manifest, problem: KubeError, going: Manifest) -> bool:
    """Whether the refusal of a new object is about one of its kind that goes: its port, address or host is taken."""
    if problem.status not in (409, 422) or manifest.id.group_kind != going.id.group_kind:
        return False
    # A Service's clash names no other: https://kubernetes.io/docs/concepts/services-networking/service/#nodeport-custom-port
    return "already allocated" in problem.message or f'"{going.id.name}"' in problem.message


def why_kept(manifest: Manifest, contents: tuple[str, ...], incomplete: tuple[str, ...], rules: Rules) -> str:
    """Why an object that Git no longer has is left alone; empty: it is pruned."""
    wish = option_value(restrictions.object_options(manifest.annotations), "Prune")
    wish = wish or rules.application.policy.option("Prune")
    confirmed = bool(rules.application.annotations.get(DELETION_APPROVED))
    if incomplete:
        return f"not pruned, since not everything could be listed: {'; '.join(incomplete)}"
    if wish == "false":
        return "not pruned: Prune=false"
    if wish == "confirm" and not confirmed:
        return f"not pruned: Prune=confirm waits for the annotation {DELETION_APPROVED} on the Application"
    if contents and not confirmed:
        return f"not pruned: it holds {named(contents)}; annotate the Application with {DELETION_APPROVED} to go on"
    return "" if rules.prune else "not pruned: pruning is off for this sync"


def _belongs_to_another(manifest: Manifest, live: Mapping[str, Any] | None, rules: Rules) -> str:
    """Two Applications that want one object would overwrite each other for ever."""
    found = other_owner(live, rules.owner) if live is not None else ""
    if not found:
        return ""
    installation, _, name = found.partition("/")
    foreign = installation != rules.owner.installation
    if not foreign and found not in rules.neighbours:
        return ""  # its Application is gone: the object counts as nobody's
    who = f"Application {name}" + (f" of installation {installation}" if foreign else "")
    return f"{manifest.id}: belongs to {who}; remove it there first"


def named(things: tuple[str, ...]) -> str:
    """The first few by name, the rest by number."""
    more = len(things) - MAX_NAMED
    return ", ".join(things[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
