"""In which order the objects of a sync are applied: hooks, phases, waves, kinds; pruning goes the other way.

Order and mapping are Argo CD's (https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/ and .../helm/). What is
done with a step, and whether it may be done: plan.py. Annotations are hostile text: they are parsed, never trusted.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.objects import Manifest

HOOK = "argocd.argoproj.io/hook"
DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy"
WAVE = "argocd.argoproj.io/sync-wave"
HELM_HOOK = "helm.sh/hook"
HELM_DELETE_POLICY = "helm.sh/hook-delete-policy"
HELM_WEIGHT = "helm.sh/hook-weight"
SKIP = "Skip"
"""The hook type of an object that is never applied."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
"""Python's int() also takes `1_000`, blanks and digits of any script; Argo CD and Helm don't."""


class Phase(StrEnum):
    """When in the life of an application an object is applied, in this order. The last two belong to its deletion."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"
    PRE_DELETE = "PreDelete"
    POST_DELETE = "PostDelete"

    @property
    def position(self) -> int:
        """-1 for PreSync, 0 for Sync, and so on."""
        return list(Phase).index(self) - 1


class DeletePolicy(StrEnum):
    """When a hook's object goes."""

    BEFORE_HOOK_CREATION = "BeforeHookCreation"
    HOOK_SUCCEEDED = "HookSucceeded"
    HOOK_FAILED = "HookFailed"


@dataclass(frozen=True, slots=True)
class Hook:
    """An object that is applied at a moment instead of being kept: never drift, never pruned."""

    phases: tuple[Phase, ...]
    """In order, without doubles. Empty: never applied (Skip, Helm's test and rollback hooks)."""
    delete_policies: tuple[DeletePolicy, ...]
    """Never empty."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is applied together, before anything later is looked at."""

    phase: Phase
    wave: int
    manifests: tuple[Manifest, ...]
    """In the order to apply them."""


HELM_PHASES = {
    "pre-install": Phase.PRE_SYNC,
    "pre-upgrade": Phase.PRE_SYNC,
    "post-install": Phase.POST_SYNC,
    "post-upgrade": Phase.POST_SYNC,
    "pre-delete": Phase.PRE_DELETE,
    "post-delete": Phase.POST_DELETE,
}
"""Events that are not here (test, rollback) are never applied."""
HELM_CRD = "crd-install"
"""Not a hook for Argo CD: such a CRD is applied like any other object."""
HELM_POLICIES = {
    "before-hook-creation": DeletePolicy.BEFORE_HOOK_CREATION,
    "hook-succeeded": DeletePolicy.HOOK_SUCCEEDED,
    "hook-failed": DeletePolicy.HOOK_FAILED,
}

KIND_ORDER = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
"""By kind alone, whatever the group; every other kind comes after these."""
_POSITION = {kind: position for position, kind in enumerate(KIND_ORDER)}


def hook_of(manifest: Manifest) -> Hook | None:
    """What kind of hook an object is; None: it is none. An Argo CD annotation beats Helm's.

    Raises InvalidSpecError naming the object when an Argo CD annotation has a value that does not exist.
    """
    argo, helm = _listed(manifest, HOOK), _listed(manifest, HELM_HOOK)
    if argo:
        found = [_known(manifest, HOOK, word, (*Phase, SKIP)) for word in argo]
        phases = {Phase(word) for word in found if word != SKIP}
    elif helm and HELM_CRD not in helm:
        phases = {HELM_PHASES[event] for event in helm if event in HELM_PHASES}
    else:
        return None
    return Hook(tuple(sorted(phases, key=lambda phase: phase.position)), _delete_policies(manifest))


def wave_of(manifest: Manifest) -> int:
    """Its sync wave, else its Helm hook weight, else 0. Raises InvalidSpecError naming the object for a bad wave."""
    written = manifest.annotations.get(WAVE, "")
    if written:
        if not _WHOLE.fullmatch(written):
            raise InvalidSpecError(
                f"{manifest.id}: annotation {WAVE} must be a whole number such as -1 or 5, not {written[:80]!r}"
            )
        return int(written)
    weight = manifest.annotations.get(HELM_WEIGHT, "")
    # Helm reads a weight that is no number as 0, and charts that Helm installs must work.
    return int(weight) if _WHOLE.fullmatch(weight) else 0


def sort_key(manifest: Manifest) -> tuple[int, str, str, str, str]:
    """The order inside a wave: by kind as in KIND_ORDER, then by name."""
    id_ = manifest.id
    return _POSITION.get(id_.kind, len(KIND_ORDER)), id_.kind, id_.group, id_.name, id_.namespace


def steps(manifests: Iterable[Manifest]) -> tuple[Step, ...]:
    """Everything a sync applies, from PreSync to PostSync, in order. A hook of several phases comes several times.

    A Namespace is moved before the first object in it, a CRD before the first object of its kind, into that object's
    phase and wave if they are earlier. Raises InvalidSpecError for annotations that make no sense.
    """
    synced = (Phase.PRE_SYNC, Phase.SYNC, Phase.POST_SYNC)
    return _steps([task for task in _tasks(manifests) if task.phase in synced])


def failure_steps(manifests: Iterable[Manifest]) -> tuple[Step, ...]:
    """What is applied once a sync failed: the SyncFail hooks. Raises InvalidSpecError as `steps` does."""
    return _steps([task for task in _tasks(manifests) if task.phase is Phase.SYNC_FAIL])


def deletion_steps(manifests: Iterable[Manifest], phase: Phase) -> tuple[Step, ...]:
    """The hooks of one phase of a deletion: PreDelete or PostDelete. Raises InvalidSpecError as `steps` does."""
    return _steps([task for task in _tasks(manifests) if task.phase is phase])


def prune_steps(manifests: Iterable[Manifest]) -> tuple[Step, ...]:
    """The order to delete live objects in: that of `steps`, backwards, all in the phase Sync.

    A wave that somebody spoilt on the live object counts as 0: what is no longer wanted must be able to go.
    """
    forwards = _steps([_Task(Phase.SYNC, _wave_or_0(manifest), manifest) for manifest in manifests])
    return tuple(replace(step, manifests=step.manifests[::-1]) for step in reversed(forwards))


@dataclass(frozen=True, slots=True)
class _Task:
    phase: Phase
    wave: int
    manifest: Manifest

    @property
    def moment(self) -> tuple[int, int]:
        return self.phase.position, self.wave


def _tasks(manifests: Iterable[Manifest]) -> list[_Task]:
    found = []
    for manifest in manifests:
        hook = hook_of(manifest)
        wave = wave_of(manifest)
        found += [_Task(phase, wave, manifest) for phase in (hook.phases if hook else (Phase.SYNC,))]
    return found


def _steps(tasks: Iterable[_Task]) -> tuple[Step, ...]:
    ordered = sorted(tasks, key=lambda task: (task.moment, sort_key(task.manifest)))
    ordered = _moved_up(ordered, _namespace_made, lambda manifest: manifest.id.namespace or None)
    ordered = _moved_up(ordered, _kind_made, lambda manifest: manifest.id.group_kind)
    return tuple(
        Step(phase, wave, tuple(task.manifest for task in group))
        for (phase, wave), group in groupby(ordered, key=lambda task: (task.phase, task.wave))
    )


def _moved_up(
    ordered: list[_Task], made: Callable[[Manifest], object | None], needed: Callable[[Manifest], object | None]
) -> list[_Task]:
    """The tasks with each that makes something right before the first one that needs it, at that one's moment."""
    makers = {made(task.manifest): task for task in reversed(ordered) if made(task.manifest) is not None}
    result: list[_Task] = []
    moved: set[int] = set()
    for task in ordered:
        maker = makers.pop(needed(task.manifest), None)
        if maker is not None:
            result.append(replace(maker, phase=task.phase, wave=task.wave))
            moved.add(id(maker))
        if id(task) not in moved:
            result.append(task)
            makers.pop(made(task.manifest), None)
    return result


def _namespace_made(manifest: Manifest) -> object | None:
    return manifest.id.name if manifest.id.group_kind == ("", "Namespace") else None


def _kind_made(manifest: Manifest) -> object | None:
    """(group, kind) that a CRD defines; None for other objects and for a CRD that the API server will refuse."""
    if manifest.id.group_kind != ("apiextensions.k8s.io", "CustomResourceDefinition"):
        return None
    try:
        spec = Fields(manifest.body, str(manifest.id)).inner("spec")
        return spec.text("group"), spec.inner("names").text("kind")
    except InvalidSpecError:
        return None


def _wave_or_0(manifest: Manifest) -> int:
    try:
        return wave_of(manifest)
    except InvalidSpecError:
        return 0


def _delete_policies(manifest: Manifest) -> tuple[DeletePolicy, ...]:
    argo = [_known(manifest, DELETE_POLICY, word, tuple(DeletePolicy)) for word in _listed(manifest, DELETE_POLICY)]
    helm = [HELM_POLICIES[word] for word in _listed(manifest, HELM_DELETE_POLICY) if word in HELM_POLICIES]
    found = {DeletePolicy(word) for word in argo} or set(helm) or {DeletePolicy.BEFORE_HOOK_CREATION}
    return tuple(policy for policy in DeletePolicy if policy in found)


def _listed(manifest: Manifest, annotation: str) -> list[str]:
    return [word.strip() for word in manifest.annotations.get(annotation, "").split(",") if word.strip()]


def _known(manifest: Manifest, annotation: str, word: str, words: Sequence[str]) -> str:
    if word not in words:
        raise InvalidSpecError(f"{manifest.id}: annotation {annotation} takes {', '.join(words)}, not {word[:80]!r}")
    return word
