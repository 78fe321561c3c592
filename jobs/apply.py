"""Carries out the plan's applies, by server-side apply as manager `pilothouse`. Which, and in what order, is decided.

Every write to an existing object carries the uid and resourceVersion that were observed: the API server is the fence
that keeps a late writer from putting an old value back (design.md, part 3).
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from jobs.core.errors import Conflict, KubeError, NotFound
from jobs.core.hooks import HOOK_RUN, hook_run
from jobs.core.inventory import MANAGER, is_marked
from jobs.core.managed_fields import take_over
from jobs.core.objects import ObjectId
from jobs.core.order import DeletePolicy
from jobs.core.plan import Change
from jobs.kube import Kube, Preconditions
from jobs.together import together

PARALLEL = 8
"""Objects of one kind that are written at the same time."""
CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")

Json = dict[str, Any]


class Applied(dict[ObjectId, Json]):
    """What the API server answered, by object."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[ObjectId, KubeError] = {}
        """Objects it refused."""
        self.moved: dict[ObjectId, KubeError] = {}
        """Objects that changed since they were observed: nothing was written, they must be planned anew."""


async def apply(changes: Sequence[Change], kube: Kube, *, operation: str) -> Applied:
    """Apply the changes kind after kind, objects of a kind side by side; after a failure the rest of its kind goes on.

    Nothing is raised for a single object: later kinds are just not begun when one was refused or has moved.
    """
    done = Applied()
    for _, group in groupby(changes, key=lambda change: change.id.group_kind):
        await together((_one(change, kube, done, operation) for change in group), at_once=PARALLEL)
        if done.failures or done.moved:
            break
    if any(change.id.group_kind == CRD for change in changes):
        kube.invalidate()
    return done


async def _one(change: Change, kube: Kube, done: Applied, operation: str) -> None:
    try:
        done[change.id] = await (_hook(change, kube, operation) if change.hook else _object(change, kube))
    except Conflict as error:
        done.moved[change.id] = error
    except KubeError as error:
        done.failures[change.id] = error


async def _object(change: Change, kube: Kube) -> Json:
    resource = await kube.api_resource(change.id.group, change.id.kind, change.manifest.version)
    live = change.live
    if live is not None and is_marked(change.manifest):
        live = await _taken_over(change, live, kube)
    answer: Json = (await kube.apply(_fenced(change.manifest.body, live), resource, manager=MANAGER)).body
    return answer


def _fenced(body: Mapping[str, Any], live: Mapping[str, Any] | None) -> Json:
    """The manifest with the observed uid and resourceVersion; for a new object without both."""
    if live is None:
        return dict(body)
    observed = {name: live["metadata"][name] for name in ("uid", "resourceVersion")}
    return {**body, "metadata": {**body["metadata"], **observed}}


async def _taken_over(change: Change, live: Mapping[str, Any], kube: Kube) -> Mapping[str, Any]:
    """The object after other tools' field entries became ours, by a metadata-only write: what Git dropped then goes."""
    operations = take_over(live, MANAGER)
    if not operations:
        return live
    resource = await kube.api_resource(change.id.group, change.id.kind, change.manifest.version)
    answer = await kube.patch_json(resource, change.id.namespace, change.id.name, operations, manager=MANAGER)
    body: Json = answer.body
    return body


async def _hook(change: Change, kube: Kube, operation: str) -> Json:
    """Run a hook: an older object of its name goes first, if its policy says so, then it is created anew."""
    resource = await kube.api_resource(change.id.group, change.id.kind, change.manifest.version)
    metadata = change.manifest.body["metadata"]
    annotations = {**(metadata.get("annotations") or {}), HOOK_RUN: hook_run(operation, change.phase)}
    body = {**change.manifest.body, "metadata": {**metadata, "annotations": annotations}}
    live = change.live
    if live is not None and change.hook and DeletePolicy.BEFORE_HOOK_CREATION in change.hook.delete_policies:
        await delete_hook(change, kube)
        if await kube.get(resource, change.id.namespace, change.id.name) is not None:
            raise Conflict(f"{change.id}: the hook's former object is still being deleted", retry_after_s=1.0)
        live = None
    answer: Json = (await kube.apply(_fenced(body, live), resource, manager=MANAGER)).body
    return answer


async def delete_hook(change: Change, kube: Kube) -> None:
    """Delete a hook's object in the background, dependants too. That it is gone already is as good."""
    if change.live is None:
        return
    resource = await kube.api_resource(change.id.group, change.id.kind, change.manifest.version)
    held = Preconditions(uid=change.live["metadata"]["uid"])
    try:
        await kube.delete(resource, change.id.namespace, change.id.name, preconditions=held, propagation="Background")
    except NotFound:
        return
