"""What is changed by hand and put back: five kinds of edit, again and again, each timed from its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from deploy.bench import fleet
from deploy.bench.floors import PATIENCE_S
from deploy.demo.cluster import Cluster, Object, collection
from deploy.demo.watch import Watch

LABEL = "pilothouse.dev/application"
Seen = Callable[[Object | None], bool]


@dataclass(frozen=True)
class Edit:
    """One kind of hand edit."""

    name: str
    kind: str
    do: Callable[[Cluster, str, Object], Awaitable[object]]
    """With the object's path, and the object as it is."""
    edited: Seen
    """Whether the object, None if it is gone, is as the edit left it."""


async def _scale(cluster: Cluster, path: str, _: Object) -> object:
    return await cluster.edit(path, {"spec": {"replicas": 2}}, manager="kubectl-edit")


async def _image(cluster: Cluster, path: str, found: Object) -> object:
    container = {**found["spec"]["template"]["spec"]["containers"][0], "image": f"{fleet.IMAGE}:by-hand"}
    change = {"spec": {"template": {"spec": {"containers": [container]}}}}
    return await cluster.edit(path, change, manager="kubectl-edit")


async def _relabel(cluster: Cluster, path: str, _: Object) -> object:
    return await cluster.edit(path, {"metadata": {"labels": {LABEL: None}}}, manager="kubectl-edit")


async def _delete(cluster: Cluster, path: str, _: Object) -> None:
    await cluster.delete(path)


EDITS = (
    Edit("replicas", "deployments", _scale, lambda found: bool(found and found["spec"]["replicas"] == 2)),
    Edit("image", "deployments", _image, lambda found: bool(found and fleet.image_of(found).endswith(":by-hand"))),
    Edit("label", "deployments", _relabel, lambda found: bool(found and LABEL not in found["metadata"]["labels"])),
    Edit("Service gone", "services", _delete, lambda found: found is None),
    Edit("Deployment gone", "deployments", _delete, lambda found: found is None),
)


@dataclass(frozen=True)
class Heals:
    """Makes edits and waits until they are gone."""

    admin: Cluster
    watches: Mapping[str, Watch]
    """By plural."""
    namespace: str

    async def timed(self, edit: Edit, name: str) -> float:
        """Seconds from the moment the edit is seen until it is seen to be put back."""
        watch, key = self.watches[edit.kind], f"{self.namespace}/{name}"
        root = "apps/v1" if edit.kind == "deployments" else "v1"
        path = f"{collection(root, edit.kind, self.namespace)}/{name}"
        seen = watch.until(lambda found: edit.edited(found.get(key)), within_s=5.0, what=f"{name}: {edit.name}")
        edited = asyncio.create_task(seen)  # from before the edit: it may be put back before its answer is here
        await asyncio.sleep(0)
        await edit.do(self.admin, path, watch.objects[key])
        started = await edited
        healed = await watch.until(
            lambda found: key in found and not edit.edited(found[key]),
            within_s=PATIENCE_S,
            what=f"{name} healed of {edit.name}",
        )
        return healed - started
