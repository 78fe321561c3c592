"""What goes with a deleted Application, and how: its finalizer, the objects' own options, the reverse apply order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.inventory import Owner, is_candidate, owned_by
from jobs.core.objects import ObjectId, manifest_of
from jobs.core.order import prune_steps
from jobs.core.plan import Removal
from jobs.core.restrictions import object_options
from jobs.core.sync_policy import option_value

FINALIZER = "resources-finalizer.argocd.argoproj.io"
PROPAGATION = {
    FINALIZER: "foreground",
    f"{FINALIZER}/foreground": "foreground",
    f"{FINALIZER}/background": "background",
}


@dataclass(frozen=True, slots=True)
class Removals:
    """The owned objects of an Application that is going."""

    due: tuple[Removal, ...]
    """To delete now, in order."""
    released: tuple[Removal, ...]
    """To leave in the cluster, without our marks (`Delete=false`, `helm.sh/resource-policy: keep`)."""
    unconfirmed: tuple[ObjectId, ...]
    """Objects with `Delete=confirm` while nobody confirmed."""
    left: int
    """How many are still there and must go, those on their way out included."""


def finalizer_of(finalizers: Iterable[str]) -> tuple[str, str]:
    """The finalizer that asks for the cascade, and how to delete; both empty: the objects stay."""
    for finalizer in finalizers:
        if finalizer in PROPAGATION:
            return finalizer, PROPAGATION[finalizer]
    return "", ""


def removals_of(live: Iterable[Mapping[str, Any]], owner: Owner, wish: str, *, confirmed: bool) -> Removals:
    """Sort the labelled objects by what happens to them. wish: the Application's own `Delete` option."""
    owned = [manifest_of(body) for body in live if is_candidate(body) and owned_by(body, owner)]
    kept, unconfirmed, going = [], [], []
    for manifest in owned:
        option = option_value(object_options(manifest.annotations), "Delete") or wish
        if option == "false":
            kept.append(Removal(manifest, released=True))
        elif option == "confirm" and not confirmed:
            unconfirmed.append(manifest.id)
        else:
            going.append(manifest)
    due = [
        Removal(manifest)
        for step in prune_steps(going)
        for manifest in step.manifests
        if not (manifest.body.get("metadata") or {}).get("deletionTimestamp")
    ]
    return Removals(tuple(due), tuple(kept), tuple(unconfirmed), len(going))
