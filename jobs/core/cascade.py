"""What goes with a deleted Application, and in which order: the objects' own options, the reverse apply order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.guards import named
from jobs.core.hooks import LiveHook, is_leaving, live_hooks, ran_as
from jobs.core.inventory import Owner, is_candidate, owned_by
from jobs.core.objects import Manifest, ObjectId, manifest_of, metadata_of
from jobs.core.order import Phase, prune_steps
from jobs.core.plan import Removal
from jobs.core.restrictions import object_options
from jobs.core.sync_policy import option_value


@dataclass(frozen=True, slots=True)
class Removals:
    """The owned objects of an Application that is going."""

    due: tuple[Removal, ...]
    """To delete now, in order: what is left of the last wave."""
    released: tuple[Removal, ...]
    """To leave in the cluster, without our marks (`Delete=false`, `helm.sh/resource-policy: keep`)."""
    unconfirmed: tuple[ObjectId, ...]
    """Objects with `Delete=confirm` while nobody confirmed."""
    left: tuple[Removal, ...]
    """Everything that must go and is still there, in order, those on their way out included."""


def removals_of(live: Iterable[Mapping[str, Any]], owner: Owner, wish: str, *, confirmed: bool) -> Removals:
    """Sort the labelled objects by what happens to them. wish: the Application's own `Delete` option.

    A wave is gone before an earlier one begins to go. PostDelete hooks run after all this, so they don't count.
    """
    owned = [manifest_of(body) for body in live if is_candidate(body) and owned_by(body, owner)]
    kept, unconfirmed, going = [], [], []
    for manifest in owned:
        option = option_value(object_options(manifest.annotations), "Delete") or wish
        if _is_post_delete(manifest):
            continue
        if option == "false":
            kept.append(Removal(manifest, released=True))
        elif option == "confirm" and not confirmed:
            unconfirmed.append(manifest.id)
        else:
            going.append(manifest)
    left = [Removal(item, wave=step.wave) for step in prune_steps(going) for item in step.manifests]
    due = [item for item in left if item.wave == left[0].wave and not is_leaving(item.manifest.body)]
    return Removals(tuple(due), tuple(kept), tuple(unconfirmed), tuple(left))


def hooks_of(live: Iterable[Mapping[str, Any]], owner: Owner, phase: Phase) -> tuple[LiveHook, ...]:
    """The hooks of a phase of the deletion, once it is over: some go by their policy, the others are released."""
    return tuple(hook for hook in live_hooks(live, owner) if hook.phase == phase)


def still_there(left: Iterable[Removal]) -> str:
    """What does not go, with the finalizers that hold it, for people."""
    return named(tuple(f"{item.id}{_held(item.manifest)}" for item in left))


def _held(manifest: Manifest) -> str:
    finalizers = metadata_of(manifest.body).get("finalizers") or ()
    return f" (finalizers: {', '.join(map(str, finalizers))})" if finalizers else ""


def _is_post_delete(manifest: Manifest) -> bool:
    return ran_as(manifest.body).endswith(f".{Phase.POST_DELETE}")
