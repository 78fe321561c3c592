"""From rendered manifests to what is sent: namespace, fitness for apply, marks, names of hooks, the namespace made."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobs.core.application import Application
from jobs.core.desired import prepared
from jobs.core.discovery import Discovery
from jobs.core.errors import InvalidSpecError
from jobs.core.inventory import Owner, marked
from jobs.core.objects import Manifest, ObjectId
from jobs.core.order import HOOK, hook_of
from jobs.core.render_request import without_repeats
from jobs.core.run import Run
from jobs.core.scope import WHOLE, Scope

GRANTING = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
MAX_NAME = {("batch", "Job"): 63}
"""Longest name of kinds whose name becomes a label of their pods; all others may have 253 signs."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Every object as it will be sent, and what the plan brings along."""

    manifests: tuple[Manifest, ...]
    warnings: tuple[str, ...]
    kinds_made: frozenset[tuple[str, str]]
    """(group, kind) that a CRD among them defines."""
    namespaces_made: frozenset[str]
    grants: bool
    """Whether Roles or bindings are among them."""
    partial: bool = False
    """Whether only some objects were asked for: then nothing else is looked at, and nothing pruned."""

    def selected(self, resources: object) -> "Targets":
        """Only the objects that a selective sync names; all when it names none."""
        if not isinstance(resources, list) or not resources:
            return self
        chosen = [entry for entry in resources if isinstance(entry, Mapping)]
        kept = tuple(item for item in self.manifests if any(_named(entry, item.id) for entry in chosen))
        if not kept:
            raise InvalidSpecError("operation.sync.resources names no object that the sources render")
        return replace(self, manifests=kept, partial=True)


def targets(
    rendered: Iterable[Manifest],
    discovery: Discovery,
    application: Application,
    owner: Owner,
    run: Run,
    scope: Scope = WHOLE,
) -> Targets:
    """The objects as they will be sent. Raises InvalidSpecError when a namespaced object has no namespace to go to."""
    found = [single for manifest in rendered for single in _by_phase(manifest)]
    scopes = _scopes(found)
    manifests: list[Manifest] = []
    warnings: list[str] = []
    for manifest in found:
        target = _target(manifest, discovery, scopes, application, run)
        fit, said = prepared(manifest, target)
        manifests.append(replace(fit, body=marked(fit, owner)))
        warnings += said
    # Again after the renderer: one with and one without its namespace are the same object only now.
    made, made_warnings = _made_namespace(manifests, application, scope)
    once = without_repeats((*manifests, *made))
    manifests, warnings = [*once.manifests], [*warnings, *once.warnings, *made_warnings]
    return Targets(
        tuple(manifests),
        tuple(warnings),
        frozenset(scopes),
        frozenset(item.id.name for item in manifests if item.id.group_kind == ("", "Namespace")),
        grants=any(item.id.kind in GRANTING for item in manifests),
    )


def _target(
    manifest: Manifest,
    discovery: Discovery,
    scopes: Mapping[tuple[str, str], bool],
    application: Application,
    run: Run,
) -> ObjectId:
    resource = discovery.find(*manifest.id.group_kind)
    # A kind nobody serves yet has the scope its CRD gives it; one that is wholly unknown is refused by the dry run.
    namespaced = resource.namespaced if resource else scopes.get(manifest.id.group_kind, True)
    name = manifest.id.name or _generated(manifest, run)
    namespace = (manifest.id.namespace or application.destination.namespace) if namespaced else ""
    if namespaced and not namespace:
        raise InvalidSpecError(f"{manifest.id}: has no namespace; set spec.destination.namespace")
    return replace(manifest.id, namespace=namespace, name=name)


def _by_phase(manifest: Manifest) -> Iterator[Manifest]:
    """A hook of several phases that gets its name from us is an object of its own in each of them."""
    hook = None if manifest.id.name else hook_of(manifest)
    if hook is None or len(hook.phases) < 2:
        yield manifest
        return
    for phase in hook.phases:
        metadata = manifest.body["metadata"]
        annotations = {**(metadata.get("annotations") or {}), HOOK: str(phase)}
        yield replace(manifest, body={**manifest.body, "metadata": {**metadata, "annotations": annotations}})


def _generated(manifest: Manifest, run: Run) -> str:
    """The name of a hook that asks for a generated one: the same over all claims of a run, as the run may resume.

    Argo CD's form. Revision and time are those the run began with, not those of a newer commit that renders the same.
    """
    prefix = str((manifest.body.get("metadata") or {}).get("generateName") or "")
    hook = hook_of(manifest)
    phase = str(hook.phases[0]).lower() if hook and hook.phases else "sync"
    suffix = f"{run.named_after}-{phase}-{int(run.started_at.seconds)}"
    room = MAX_NAME.get(manifest.id.group_kind, 253) - len(suffix)
    if len(prefix) > room:
        digest = hashlib.sha256(prefix.encode()).hexdigest()[:8]
        prefix = f"{prefix[: room - 9]}{digest}-"
    return f"{prefix}{suffix}"


def _scopes(manifests: Iterable[Manifest]) -> dict[tuple[str, str], bool]:
    """Kinds that CRDs among the manifests define, and whether they are namespaced."""
    found = {}
    for manifest in manifests:
        spec = manifest.body.get("spec")
        if manifest.id.group_kind == CRD and isinstance(spec, Mapping):
            names = spec.get("names")
            kind = names.get("kind") if isinstance(names, Mapping) else None
            found[(str(spec.get("group")), str(kind))] = spec.get("scope") != "Cluster"
    return found


def _made_namespace(
    manifests: Iterable[Manifest], application: Application, scope: Scope
) -> tuple[list[Manifest], list[str]]:
    """The destination's namespace, if it is to be made: without marks, so that it is never pruned. And warnings.

    One that a cluster Secret names is there already, and may be no more than entered.
    """
    name, policy = application.destination.namespace, application.policy
    if policy.option("CreateNamespace") != "true" or not name:
        return [], []
    target = ObjectId("", "Namespace", "", name)
    if any(manifest.id == target for manifest in manifests):
        return [], []
    if not scope.covers("") and scope.covers(name):
        wishes = policy.namespace_labels or policy.namespace_annotations
        return [], [f"managedNamespaceMetadata: {scope.refusal(target, application.destination.key)}"] if wishes else []
    metadata: dict[str, Any] = {"name": name}
    if policy.namespace_labels:
        metadata["labels"] = dict(policy.namespace_labels)
    if policy.namespace_annotations:
        metadata["annotations"] = dict(policy.namespace_annotations)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    return [Manifest(target, "v1", body, "spec.syncPolicy.syncOptions: CreateNamespace")], []


def _named(entry: Mapping[str, Any], target: ObjectId) -> bool:
    same = entry.get("kind") == target.kind and entry.get("name") == target.name
    group, namespace = entry.get("group") or "", entry.get("namespace") or target.namespace
    return same and group == target.group and namespace == target.namespace
