"""Plain functions that build what the core works with, with good defaults; keyword arguments replace parts of them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jobs.claim import Claim, Lease
from jobs.core.application import Application, application_of
from jobs.core.inventory import LABEL, MANAGER, Owner, marked
from jobs.core.moment import Moment
from jobs.core.objects import Manifest, ObjectId, manifest_of
from jobs.core.order import Phase, Step
from jobs.core.plan import Action, Change, Plan, Removal
from jobs.core.rules import Rules
from jobs.core.run import Aim, Run, resumed
from receiver import push
from receiver.push import Push

Json = dict[str, Any]

COMMIT, OLDER = "c" * 40, "a" * 40
OWNER = Owner("default", "pilothouse", "web")
NOON = Moment(1_793_534_400.0)
"""2026-11-01T12:00:00Z."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Json:
    """The base with these fields replaced, map by map; None takes a field away."""
    found = dict(base)
    for name, value in over.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(found.get(name), Mapping):
            found[name] = merged(found[name], value)
        else:
            found[name] = value
    return found


def an_application_body(**over: Any) -> Json:
    """An Application object as the API server gives it: automated, pruning, healing; destination `shop` at home."""
    base: Json = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"namespace": "pilothouse", "name": "web", "uid": "u-1", "resourceVersion": "7", "generation": 1},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://git.example.org/shop.git", "path": "charts/web", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }
    return merged(base, over)


def an_application(**over: Any) -> Application:
    """The same, read."""
    return application_of(an_application_body(**over))


def a_body(kind: str = "ConfigMap", name: str = "web", /, **over: Any) -> Json:
    """An object as a chart renders it; a ConfigMap in `shop` unless told otherwise."""
    versions = {"Deployment": "apps/v1", "Job": "batch/v1", "CustomResourceDefinition": "apiextensions.k8s.io/v1"}
    base: Json = {
        "apiVersion": versions.get(kind, "v1"),
        "kind": kind,
        "metadata": {"name": name} | ({} if kind in ("Namespace", "ClusterRole") else {"namespace": "shop"}),
    }
    return merged(base | ({"data": {"a": "1"}} if kind == "ConfigMap" else {}), over)


def a_manifest(kind: str = "ConfigMap", name: str = "web", /, *, owner: Owner | None = OWNER, **over: Any) -> Manifest:
    """An object as it is sent: with its marks, unless owner is None."""
    manifest = manifest_of(a_body(kind, name, **over), "templates/web.yaml")
    body = marked(manifest, owner) if owner else manifest.body
    return Manifest(manifest.id, manifest.version, body, manifest.origin)


def a_live(manifest: Manifest, *, owned: bool = True, **over: Any) -> Json:
    """The object as the API server has it after it was applied; owned=False: without Pilothouse's field entry."""
    entry = {
        "manager": MANAGER if owned else "somebody",
        "operation": "Apply",
        "apiVersion": manifest.api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:labels": {f"f:{LABEL}": {}}}},
    }
    server = {"metadata": {"uid": f"uid-{manifest.id.name}", "resourceVersion": "1", "managedFields": [entry]}}
    return merged(merged(manifest.body, server), over)


def a_change(manifest: Manifest | None = None, action: Action = Action.CREATED, **fields: Any) -> Change:
    """One wanted object of the Sync phase, wave 0."""
    given: Json = {"phase": Phase.SYNC, "wave": 0, "hook": None, "live": None} | fields
    return Change(manifest or a_manifest(), action=action, **given)


def a_removal(name: str = "old", /, kept: str = "", **over: Any) -> Removal:
    """An owned ConfigMap that Git no longer has."""
    return Removal(manifest_of(a_live(a_manifest("ConfigMap", name, **over))), kept)


def a_plan(*changes: Change, removals: Iterable[Removal] = (), **fields: Any) -> Plan:
    """A plan of these."""
    return Plan(changes, tuple(removals), **fields)


def a_step(*manifests: Manifest, phase: Phase = Phase.SYNC, wave: int = 0) -> Step:
    """These together."""
    return Step(phase, wave, manifests)


def some_rules(application: Application | None = None, **fields: Any) -> Rules:
    """The rules of a pruning sync of `web`."""
    given: Json = {"operation": "op-1", "prune": True} | fields
    return Rules(application=application or an_application(), owner=OWNER, **given)


def a_run(application: Application | None = None, *, key: str = "k" * 32, revision: str = COMMIT, **fields: Any) -> Run:
    """A new run of `web` towards a commit, begun at noon. fields: of Run."""
    run = resumed(application or an_application(), Aim((revision,), key), "token-1", NOON)
    return replace(run, **fields)


def an_id(name: str = "web", kind: str = "ConfigMap", namespace: str = "shop", group: str = "") -> ObjectId:
    """Which object."""
    return ObjectId(group, kind, namespace, name)


def a_claim(key: str = "pilothouse/web", *, kind: str = "application", **hints: str) -> Claim:
    """A claim whose lease never ends by itself."""

    async def renewed() -> bool:
        return True

    return Claim(kind, key, Lease(3600.0, renewed), token="token-1", hints=hints)


def a_push(*urls: str, before: str = OLDER, after: str = COMMIT, ref: str = "refs/heads/main") -> Push:
    """A push to main of the shop's repository."""
    return Push(urls or ("https://git.example.org/shop.git",), (push.Change(ref, before, after),))
