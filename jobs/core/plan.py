"""The plan: what a sync would do to every object, from what is wanted and what was observed. Nothing is asked here.

Every wanted object is clean, deferred (its Namespace, CRD or Role comes from this plan) or refused. While one is
refused, nothing is changed and all refusals are told together. What to do next with a plan: progress.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from jobs.core import guards
from jobs.core.drift import Difference, differences
from jobs.core.errors import InvalidSpecError, KubeError, PlanError
from jobs.core.health_status import Health
from jobs.core.hooks import HOOK_RUN, LiveHook, hook_run, is_leaving, live_hooks, ran_as
from jobs.core.inventory import is_candidate, is_marked, owned_by
from jobs.core.objects import Manifest, ObjectId, manifest_of, metadata_of
from jobs.core.order import HELM_HOOK, HOOK, Hook, Phase, Step, hook_of, prune_steps
from jobs.core.restrictions import compares_admission
from jobs.core.rules import Rules


class Action(StrEnum):
    """What applying an object does to it."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Observed:
    """What the cluster has, and what it would have."""

    live: Mapping[ObjectId, Mapping[str, Any]] = field(default_factory=dict)
    """Every object that was found, wanted or not."""
    predicted: Mapping[ObjectId, Mapping[str, Any]] = field(default_factory=dict)
    """Answers of the server-side dry run."""
    problems: Mapping[ObjectId, KubeError] = field(default_factory=dict)
    """Why a dry run failed."""
    labelled: frozenset[ObjectId] = frozenset()
    """Objects found by the ownership label: candidates for pruning."""
    incomplete: tuple[str, ...] = ()
    """Why the list of candidates may be too short; then nothing is pruned."""
    contents: Mapping[ObjectId, tuple[str, ...]] = field(default_factory=dict)
    """What a Namespace or CRD that is to be pruned holds of others."""


@dataclass(frozen=True, slots=True)
class Change:
    """One wanted object at one moment of the sync."""

    manifest: Manifest
    """With its marks, as it is sent."""
    phase: Phase
    wave: int
    hook: Hook | None
    action: Action
    live: Mapping[str, Any] | None
    differences: tuple[Difference, ...] = ()
    deferred: str = ""
    """Why it can't be judged before something else of this plan is there; empty: it is clean."""
    clashes_with: ObjectId | None = None
    """An object that stands in its way and is pruned by this plan: that prune comes first."""
    said: Health | None = None
    """What a script of the user's says of the live object's health; None: there is no script for its kind."""

    @property
    def id(self) -> ObjectId:
        """Which object."""
        return self.manifest.id


@dataclass(frozen=True, slots=True)
class Removal:
    """An owned object that Git no longer has."""

    manifest: Manifest
    """The live object."""
    kept: str = ""
    """Why it is left alone; empty: it is pruned."""
    released: bool = False
    """Another Application wants it: its marks go, the object stays."""
    said: Health | None = None
    """As in Change."""
    wave: int = 0
    """Its sync wave: later waves go first."""

    @property
    def id(self) -> ObjectId:
        """Which object."""
        return self.manifest.id


@dataclass(frozen=True, slots=True)
class Plan:
    """Every object's part in the sync."""

    changes: tuple[Change, ...]
    """In order: phases, waves, kinds, names."""
    removals: tuple[Removal, ...]
    """In the order to delete."""
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    hooks: tuple[LiveHook, ...] = ()
    """Every object that an operation ran as a hook, those of earlier operations included."""
    leaving: tuple[Removal, ...] = ()
    """Owned objects that Git no longer has and that are being deleted, whoever began it."""

    def require_clean(self, *, applied: int = 0) -> None:
        """Raises PlanError with every refusal, if there is one. applied: how many objects the run wrote before."""
        if self.refusals:
            raise PlanError(self.refused(applied), refusals=self.refusals)

    def refused(self, applied: int = 0) -> str:
        """Every refusal in one message; empty: there is none. applied: as in require_clean."""
        before = f"{applied} objects were applied before" if applied else "nothing was changed"
        return f"{before}, {len(self.refusals)} refused: {'; '.join(self.refusals)}" if self.refusals else ""

    @property
    def drifted(self) -> tuple[Change, ...]:
        """Objects that are not as Git says; hooks are never drift."""
        return tuple(change for change in self.changes if not change.hook and change.action is not Action.UNCHANGED)

    @property
    def synced(self) -> bool:
        """Whether the cluster is as Git says. What pruning leaves alone makes it OutOfSync; a release does not."""
        return not self.drifted and all(removal.released for removal in self.removals)

    @property
    def live(self) -> Iterator[Mapping[str, Any]]:
        """Every live object whose health is told."""
        yield from (change.live for change in self.changes if change.live is not None)
        yield from (removal.manifest.body for removal in self.removals)

    def judged(self, said: Mapping[ObjectId, Health]) -> "Plan":
        """The plan with what scripts say of its live objects."""
        changes = tuple(replace(change, said=said.get(change.id)) for change in self.changes)
        removals = tuple(replace(removal, said=said.get(removal.id)) for removal in self.removals)
        return replace(self, changes=changes, removals=removals)

    def applied(self, answers: Mapping[ObjectId, Mapping[str, Any]]) -> "Plan":
        """The plan after objects were applied: their answers are live now, and nobody has judged them yet."""
        changes = tuple(
            _written(change, answers[change.id]) if change.id in answers else change for change in self.changes
        )
        return replace(self, changes=changes)

    def pruned(self, removals: Iterable[Removal], leaving: Iterable[ObjectId]) -> "Plan":
        """The plan after objects were deleted or released; those that were kept stay in it.

        leaving: which of them are still there.
        """
        gone, going = {removal.id for removal in removals if not removal.kept}, frozenset(leaving)
        left = tuple(removal for removal in self.removals if removal.id not in gone)
        there = tuple(removal for removal in self.removals if removal.id in gone & going)
        return replace(self, removals=left, leaving=(*self.leaving, *there))

    def cleaned(self, changes: Iterable[Change]) -> "Plan":
        """The plan after hooks were deleted that ended."""
        gone = {change.id for change in changes}
        left = tuple(replace(change, live=None) if change.id in gone else change for change in self.changes)
        return replace(self, changes=left, hooks=tuple(hook for hook in self.hooks if hook.id not in gone))


def make(steps: Iterable[Step], observed: Observed, rules: Rules) -> Plan:
    """The plan for these steps, refusals included. Raises InvalidSpecError for annotations that make no sense."""
    planned = tuple(steps)
    wanted = [manifest for step in planned for manifest in step.manifests]
    ids = {manifest.id for manifest in wanted}
    unwanted = () if rules.partial else tuple(_unwanted(ids, observed, rules))
    removals = tuple(item for item in unwanted if not is_leaving(item.manifest.body))
    going = [item.manifest for item in removals if not item.kept and not item.released]
    going += [manifest_of(body) for target, body in observed.live.items() if target not in ids and is_leaving(body)]
    changes = tuple(
        _after_clash(_change(manifest, step, observed, rules), observed.problems.get(manifest.id), going)
        for step in planned
        for manifest in step.manifests
    )
    rendered = any(is_marked(manifest) for manifest in wanted)  # the namespace of CreateNamespace is not
    refusals = [*guards.of_everything(rendered, removals_exist=bool(removals), rules=rules)]
    for change in changes:
        refusals += guards.of_object(change.manifest, change.live, rules)
        problem = observed.problems.get(change.id)
        if problem is not None and not change.deferred:
            refusals.append(f"{change.id}: {problem.message}")
    return Plan(
        changes,
        removals,
        tuple(dict.fromkeys(refusals)),
        hooks=live_hooks(observed.live.values(), rules.owner),
        leaving=tuple(item for item in unwanted if is_leaving(item.manifest.body)),
    )


def is_hook(live: Mapping[str, Any]) -> bool:
    """Whether a live object says it is a hook: it goes by its own policy, and is never drift."""
    return bool({HOOK, HELM_HOOK, HOOK_RUN} & {*(metadata_of(live).get("annotations") or {})})


def expires(manifest: Manifest) -> bool:
    """Whether Kubernetes itself deletes the object once it is done: a Job with a time to live."""
    spec = manifest.body.get("spec")
    limited = isinstance(spec, Mapping) and spec.get("ttlSecondsAfterFinished") is not None
    return limited and manifest.id.group_kind == ("batch", "Job")


def _change(manifest: Manifest, step: Step, observed: Observed, rules: Rules) -> Change:
    hook, live = hook_of(manifest), observed.live.get(manifest.id)
    problem = observed.problems.get(manifest.id)
    deferred = guards.deferral(manifest, live, problem, rules) if problem or live else ""
    blank = Change(manifest, step.phase, step.wave, hook, Action.CREATED, live, deferred=deferred)
    if hook is not None:
        return _hook_change(blank, rules)
    if live is None and _has_run_and_gone(manifest, rules):
        return replace(blank, action=Action.UNCHANGED)
    if live is None or deferred:
        return blank
    found = _drift(manifest, live, observed.predicted.get(manifest.id))
    return replace(blank, action=Action.CONFIGURED if found else Action.UNCHANGED, differences=found)


def _after_clash(change: Change, problem: KubeError | None, going: Iterable[Manifest]) -> Change:
    """A change that only stands against an object which this plan prunes is judged again once that is gone."""
    if problem is None or change.deferred or change.live is not None:
        return change
    other = next((manifest for manifest in going if guards.clash(change.manifest, problem, manifest)), None)
    if other is None:
        return change
    return replace(change, deferred=f"{other.id} stands in its way, and is pruned first", clashes_with=other.id)


def _has_run_and_gone(manifest: Manifest, rules: Rules) -> bool:
    """A Job that these sources ran before, and that Kubernetes deleted after its time to live, is as Git wants it.

    So is one that this very run created: a time to live of 0 takes it away before anybody can look at it.
    """
    return expires(manifest) and (rules.deployed_before or manifest.id in rules.applied)


def _drift(manifest: Manifest, live: Mapping[str, Any], predicted: Mapping[str, Any] | None) -> tuple[Difference, ...]:
    if predicted is None:
        return ()
    admission = compares_admission(manifest.annotations)
    # The namespace of CreateNamespace is not ours: what others wrote on it stays theirs.
    return differences(live, predicted, manifest.body, admission=admission, takes_over=is_marked(manifest))


def _hook_change(blank: Change, rules: Rules) -> Change:
    """A hook that this operation ran in this phase is not run again; any other object of its name is replaced."""
    if ran_as(blank.live) == hook_run(rules.operation, blank.phase):
        return replace(blank, action=Action.UNCHANGED)
    if blank.live is not None and is_leaving(blank.live):
        return replace(blank, deferred=blank.deferred or "its former object is still being deleted")
    return blank


def _written(change: Change, answer: Mapping[str, Any]) -> Change:
    """A change that was made. One name may be a hook of several phases: the others are still to be run."""
    if change.hook and not ran_as(answer).endswith(f".{change.phase}"):
        return replace(change, live=answer, said=None)
    return replace(change, action=Action.UNCHANGED, live=answer, differences=(), said=None)


def _unwanted(wanted: set[ObjectId], observed: Observed, rules: Rules) -> Iterator[Removal]:
    """What is owned and no longer wanted, in the order to delete; what is on its way out already too."""
    gone = [
        manifest_of(live)
        for target, live in observed.live.items()
        if target in observed.labelled and target not in wanted and _may_be_pruned(live, rules)
    ]
    for step in prune_steps(gone):
        for manifest in step.manifests:
            if manifest.id in rules.wanted_elsewhere:
                yield Removal(manifest, released=True, wave=step.wave)
                continue
            contents = observed.contents.get(manifest.id, ())
            kept = guards.why_kept(manifest, contents, observed.incomplete, rules)
            yield Removal(manifest, kept, wave=step.wave)


def _may_be_pruned(live: Mapping[str, Any], rules: Rules) -> bool:
    """Owned by all three marks, nobody's child, and no hook."""
    if not is_candidate(live) or not owned_by(live, rules.owner):
        return False
    try:
        return hook_of(manifest_of(live)) is None
    except InvalidSpecError:
        return False
