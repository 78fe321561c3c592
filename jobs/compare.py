"""Git against cluster for one application: fetch, render, observe, plan. Shared by deploy and inspect; changes nothing.

Where the sources are and what rendering reads: sources.py. Every decision is in core.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs import projects, sources
from jobs.claim import Claim
from jobs.core.application import Application
from jobs.core.deadline import Limits, limits_of
from jobs.core.deployed import Deployed, deployed_of
from jobs.core.health_status import Health
from jobs.core.intent import wants_hooks
from jobs.core.inventory import Owner, is_labelled
from jobs.core.judged import Trace, Traces, trace_of
from jobs.core.kinds import kinds_of, kinds_text
from jobs.core.objects import ObjectId
from jobs.core.order import Phase, Step, deletion_steps, failure_steps, hook_of, steps
from jobs.core.plan import Action, Change, Observed, Plan, is_hook, make
from jobs.core.rules import Rules
from jobs.core.run import Aim, Run
from jobs.core.target import Targets, targets
from jobs.declared import without_undeclared
from jobs.kube import Kube
from jobs.observe import Wanted, observe
from jobs.orphans import orphan_warning
from jobs.parts import Parts
from jobs.projects import Leave
from jobs.sources import Sources

NOWHERE = Aim((), "")
"""The aim of a run that failed before its sources were known."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome of a comparison, and what is needed to do it again after something was applied."""

    plan: Plan
    steps: tuple[Step, ...]
    wanted: Wanted
    rules: Rules
    kube: Kube
    deployed: Deployed
    drift: tuple[Change, ...]
    """What was not as Git says when the comparison began."""
    source_types: tuple[str, ...]
    warnings: tuple[str, ...]
    where: str
    """The revision in words."""
    strangers: Traces
    """What else carries the label: judged too, as nothing of ours."""
    limits: Limits
    """How long each phase may wait."""
    orphans: str | None = None
    """What to warn of; None: it was not looked."""
    deletion_phases: frozenset[Phase] = frozenset()
    """In which phases of its deletion the Application has hooks."""
    part: bool = False
    """Whether it holds nothing but hooks of a deletion: of the other objects it says nothing."""

    @property
    def kinds_annotation(self) -> str:
        """The kinds ever applied, these included."""
        rendered = {manifest.id.group_kind for manifest in self.wanted.manifests}
        return kinds_text(self.wanted.kinds | rendered)

    @property
    def put_back(self) -> tuple[Change, ...]:
        """What was not as Git says when the comparison began, and is now."""
        left = {change.id for change in self.plan.drifted}
        return tuple(change for change in self.drift if change.id not in left)

    @property
    def traces(self) -> dict[ObjectId, Trace]:
        """Every object that was judged and that a watch on the label sees, as it is now as far as this run knows."""
        live = {change.id: change.live for change in self.plan.changes if change.live is not None and not change.hook}
        live.update({removal.id: removal.manifest.body for removal in self.plan.removals})
        return {**self.strangers, **{target: trace_of(body) for target, body in live.items() if is_labelled(body)}}

    @property
    def has_hooks(self) -> bool:
        """Whether hooks are part of this sync, so that it must be known after a kill that it began."""
        return any(change.hook for change in self.plan.changes)

    @property
    def summary(self) -> str:
        """What a sync would do, for people."""
        prunes = sum(not removal.kept for removal in self.plan.removals)
        return f"{len(self.plan.drifted)} objects would be applied, {prunes} pruned"

    def judged(self, said: Mapping[ObjectId, Health]) -> "Compared":
        """With what health scripts say of the live objects."""
        return replace(self, plan=self.plan.judged(said))

    def with_plan(self, plan: Plan) -> "Compared":
        """After something was done: what the plan says now."""
        return replace(self, plan=plan)


async def compare(
    application: Application, run: Run, found: Sources, claim: Claim, parts: Parts, *, deletion: Phase | None = None
) -> Compared:
    """The plan towards these sources. Raises StageError: the spec, the render, or a cluster that can't be asked.

    deletion: plan nothing but this phase's hooks.
    """
    leave = await projects.leave(application, claim.require, parts)
    kube = leave.kube
    owner = Owner(parts.settings.installation, application.namespace, application.name)
    aimed = await _aimed(application, run, found, leave, parts)
    full = wants_hooks(application, run, deployed_of(application.annotations))
    chosen = aimed.selected(run.sync_options.get("resources"))
    planned = deletion_steps(chosen.manifests, deletion) if deletion else _planned(chosen, full=full)
    wanted = _wanted(application, planned, owner)
    wanted = replace(wanted, cluster=leave.cluster, fresh=_must_be_fresh(run, claim), operation=run.id)
    observed = await observe(wanted, kube, parts.memory)
    rules = replace(
        _rules(application, run, replace(chosen, partial=chosen.partial or deletion is not None), owner, parts),
        project=leave.project,
        cluster=leave.cluster,
        windows=leave.windows,
        wanted_elsewhere=_wanted_elsewhere(application, wanted, observed, parts),
    )
    plan = make(planned, observed, rules)
    learn(plan, kube, parts)
    scripts = await parts.judge.scripts()
    return Compared(
        plan=plan.judged(await parts.judge.said(plan.live)),
        steps=planned,
        wanted=wanted,
        rules=rules,
        kube=kube,
        deployed=deployed_of(application.annotations),
        drift=plan.drifted,
        source_types=found.types,
        warnings=(*chosen.warnings, *_withheld(observed), *scripts.problems),
        where=", ".join(found.aim.revisions),
        strangers=_strangers(plan, observed),
        limits=limits_of(application.annotations, parts.settings.wave_timeout_s),
        orphans=await orphan_warning(rules, kube, claim.why),
        deletion_phases=_deletion_phases(aimed),
        part=deletion is not None,
    )


async def rendered(application: Application, run: Run, found: Sources, claim: Claim, parts: Parts) -> Targets:
    """What the sources say, as it would be sent, without a look at what is there. Raises StageError as `compare`."""
    leave = await projects.leave(application, claim.require, parts)
    return await _aimed(application, run, found, leave, parts)


async def _aimed(application: Application, run: Run, found: Sources, leave: Leave, parts: Parts) -> Targets:
    """Every object as it would be sent, hooks included."""
    written = await sources.render(found, parts)
    owner = Owner(parts.settings.installation, application.namespace, application.name)
    discovery, scope = await leave.kube.discovery(), leave.cluster.scope
    aimed = targets(written.manifests, discovery, application, owner, run, scope)
    validate = application.policy.option("Validate")
    manifests = await without_undeclared(aimed.manifests, validate, leave.kube)
    return replace(aimed, manifests=manifests, warnings=(*written.warnings, *aimed.warnings))


async def again(compared: Compared, run: Run, parts: Parts, *, fresh: bool = False) -> Compared:
    """The same comparison after the cluster changed under it; what was observed before is old now.

    fresh: lists must not be a moment old.
    """
    rules = replace(compared.rules, operation=run.id, applied=run.changed_ids)
    observed = await observe(replace(compared.wanted, fresh=fresh), compared.kube, parts.memory)
    plan = make(compared.steps, observed, rules)
    learn(plan, compared.kube, parts)
    return await judge(replace(compared, plan=plan, rules=rules, strangers=_strangers(plan, observed)), parts)


async def judge(compared: Compared, parts: Parts) -> Compared:
    """The same comparison with what health scripts say of the objects as they are now."""
    return compared.judged(await parts.judge.said(compared.plan.live))


def learn(plan: Plan, kube: Kube, parts: Parts) -> None:
    """Remember which objects are as Git says: while they stay so, nothing is asked about them again."""
    for change in plan.changes:
        if change.live is not None and not change.hook and change.action is Action.UNCHANGED:
            parts.memory.learn(kube.server, change.manifest, change.live)


def _wanted_elsewhere(
    application: Application, wanted: Wanted, observed: Observed, parts: Parts
) -> frozenset[ObjectId]:
    """Asked only when something would be pruned: it looks through every Application's status."""
    gone = observed.labelled - {manifest.id for manifest in wanted.manifests}
    return parts.view.wanted_elsewhere(application) & gone if gone else frozenset()


def _strangers(plan: Plan, observed: Observed) -> Traces:
    ours = {change.id for change in plan.changes} | {removal.id for removal in plan.removals}
    others = {target: observed.live[target] for target in observed.labelled - ours}
    return {target: trace_of(body) for target, body in others.items() if not is_hook(body)}


def _withheld(observed: Observed) -> tuple[str, ...]:
    """Said even when nothing is known to prune: what could not be listed may hold what Git no longer has."""
    if not observed.incomplete:
        return ()
    return (f"nothing is pruned while not everything can be listed: {'; '.join(observed.incomplete)}",)


def _deletion_phases(aimed: Targets) -> frozenset[Phase]:
    hooks = filter(None, map(hook_of, aimed.manifests))
    return frozenset(phase for hook in hooks for phase in hook.phases) & {Phase.PRE_DELETE, Phase.POST_DELETE}


def _planned(chosen: Targets, *, full: bool) -> tuple[Step, ...]:
    """Everything of a sync; without hooks when it is none, but a look or a heal."""
    if full:
        return (*steps(chosen.manifests), *failure_steps(chosen.manifests))
    return steps(manifest for manifest in chosen.manifests if hook_of(manifest) is None)


def _must_be_fresh(run: Run, claim: Claim) -> bool:
    """What was just made must be seen, so as not to be made again; what a watch saw, not judged by an older list."""
    return run.supersedes or claim.crashes > 0 or "fresh" in claim.hints


def _wanted(application: Application, planned: tuple[Step, ...], owner: Owner) -> Wanted:
    manifests = {manifest.id: manifest for step in planned for manifest in step.manifests}
    # A hook's former object stands in the way of its dry run, and a Job's template can't be changed.
    other_names = {
        target: f"{target.name[:52].rstrip('-.')}-plan" for target, item in manifests.items() if hook_of(item)
    }
    kinds = kinds_of(application.annotations)
    return Wanted(tuple(manifests.values()), other_names, kinds, owner)


def _rules(application: Application, run: Run, chosen: Targets, owner: Owner, parts: Parts) -> Rules:
    asked = run.sync_options if run.requested or not run.automated else None
    return Rules(
        application=application,
        owner=owner,
        operation=run.id,
        prune=bool(asked.get("prune")) if asked is not None else application.policy.prune,
        allow_empty=application.policy.allow_empty,
        neighbours=parts.view.tracked(parts.settings.installation),
        made_here=chosen.kinds_made,
        namespaces_made=chosen.namespaces_made,
        deployed_before=run.aim.key == deployed_of(application.annotations).key,
        applied=run.changed_ids,
        grants=chosen.grants,
        partial=chosen.partial,
    )
