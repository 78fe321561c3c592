"""Carries out the plan's deletions, one after the other in the plan's order; reports what would not go.

Each DELETE names the uid and resourceVersion that were observed: only what was judged is deleted (design.md, part 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from jobs.core.errors import Conflict, KubeError
from jobs.core.hooks import LiveHook, is_leaving
from jobs.core.inventory import LABEL, TRACKING_ID, Owner, owned_by
from jobs.core.objects import ObjectId
from jobs.core.plan import Removal
from jobs.kube import Kube, Preconditions, Propagation
from jobs.store import STATUS_MANAGER

ATTEMPTS = 3
"""How often an object that changes under our hands is read and judged again."""


@dataclass(slots=True)
class Pruned:
    """What became of a prune."""

    problems: dict[ObjectId, str] = field(default_factory=dict)
    """Why an object would not go."""
    leaving: list[ObjectId] = field(default_factory=list)
    """Objects that began to go and are still there: their dependants go first, or somebody's finalizer holds them."""


async def prune(removals: Sequence[Removal], kube: Kube, owner: Owner, propagation: str = "") -> Pruned:
    """Delete what is not kept, release what another Application wants.

    propagation: foreground (default), background or orphan, as in PrunePropagationPolicy.
    """
    done = Pruned()
    for removal in removals:
        if removal.kept:
            continue
        try:
            if removal.released:
                await release(removal, kube)
            elif await _delete(removal, kube, owner, propagation):
                done.leaving.append(removal.id)
        except KubeError as error:
            done.problems[removal.id] = error.message
    return done


async def terminate(hooks: Sequence[LiveHook], kube: Kube) -> dict[ObjectId, str]:
    """Delete hooks, those that still run after their pods; the problems, by object. Gone already is as good."""
    problems: dict[ObjectId, str] = {}
    for hook in hooks:
        # Of one that ended nothing runs any more, and nobody waits for it.
        wish: Propagation = "Foreground" if hook.runs else "Background"
        held = Preconditions(uid=hook.manifest.body["metadata"]["uid"])
        try:
            resource = await kube.api_resource(hook.id.group, hook.id.kind, hook.manifest.version)
            await kube.delete(resource, hook.id.namespace, hook.id.name, preconditions=held, propagation=wish)
        except Conflict:
            continue  # another object has its name by now
        except KubeError as error:
            problems[hook.id] = error.message
    return problems


async def _delete(removal: Removal, kube: Kube, owner: Owner, propagation: str) -> bool:
    """Begin to delete one object; whether it is still there."""
    resource = await kube.api_resource(removal.id.group, removal.id.kind, removal.manifest.version)
    wish = cast(Propagation, (propagation or "foreground").capitalize())
    live = dict(removal.manifest.body)
    for attempt in range(ATTEMPTS):
        metadata = live["metadata"]
        observed = Preconditions(metadata["uid"], metadata["resourceVersion"])
        try:
            answer = await kube.delete(
                resource, removal.id.namespace, removal.id.name, preconditions=observed, propagation=wish
            )
        except Conflict:
            found = await kube.get(resource, removal.id.namespace, removal.id.name)
            if found is None or found["metadata"]["uid"] != metadata["uid"] or not owned_by(found, owner):
                return False  # another object, or no longer ours: not ours to delete
            if attempt == ATTEMPTS - 1:
                raise
            live = found
        else:
            # What is gone at once is answered by a Status, of some kinds by their last state.
            return answer is not None and is_leaving(answer)
    return False


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
