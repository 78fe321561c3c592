"""Carries out the plan's deletions, one after the other in the plan's order; reports what would not go.

Each DELETE names the uid and resourceVersion that were observed: only what was judged is deleted (design.md, part 4).
"""

from collections.abc import Sequence
from typing import cast

from jobs.core.errors import Conflict, KubeError
from jobs.core.inventory import LABEL, TRACKING_ID, Owner, owned_by
from jobs.core.objects import ObjectId
from jobs.core.plan import Removal
from jobs.kube import Kube, Preconditions, Propagation
from jobs.store import STATUS_MANAGER

ATTEMPTS = 3
"""How often an object that changes under our hands is read and judged again."""


async def prune(removals: Sequence[Removal], kube: Kube, owner: Owner, propagation: str = "") -> dict[ObjectId, str]:
    """Delete what is not kept, release what another Application wants; the problems, by object.

    propagation: foreground (default), background or orphan, as in PrunePropagationPolicy.
    """
    problems: dict[ObjectId, str] = {}
    for removal in removals:
        if removal.kept:
            continue
        try:
            if removal.released:
                await release(removal, kube)
            else:
                await _delete(removal, kube, owner, propagation)
        except KubeError as error:
            problems[removal.id] = error.message
    return problems


async def _delete(removal: Removal, kube: Kube, owner: Owner, propagation: str) -> None:
    resource = await kube.api_resource(removal.id.group, removal.id.kind, removal.manifest.version)
    wish = cast(Propagation, (propagation or "foreground").capitalize())
    live = dict(removal.manifest.body)
    for attempt in range(ATTEMPTS):
        metadata = live["metadata"]
        observed = Preconditions(metadata["uid"], metadata["resourceVersion"])
        try:
            await kube.delete(resource, removal.id.namespace, removal.id.name, preconditions=observed, propagation=wish)
        except Conflict:
            found = await kube.get(resource, removal.id.namespace, removal.id.name)
            if found is None or found["metadata"]["uid"] != metadata["uid"] or not owned_by(found, owner):
                return  # another object, or no longer ours: not ours to delete
            if attempt == ATTEMPTS - 1:
                raise
            live = found
        else:
            return


async def release(removal: Removal, kube: Kube) -> None:
    """Take our marks off an object and leave it. Raises Conflict when it changed since it was observed."""
    resource = await kube.api_resource(removal.id.group, removal.id.kind, removal.manifest.version)
    metadata = removal.manifest.body["metadata"]
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        {"op": "remove", "path": f"/metadata/labels/{LABEL.replace('/', '~1')}"},
        {"op": "remove", "path": f"/metadata/annotations/{TRACKING_ID.replace('/', '~1')}"},
    ]
    await kube.patch_json(resource, removal.id.namespace, removal.id.name, operations, manager=STATUS_MANAGER)
