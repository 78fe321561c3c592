"""Git against cluster for one application: fetch, render, observe, plan. Shared by deploy and inspect; changes nothing.

Where the sources are and what rendering reads: sources.py. Every decision is in core.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobs import projects, sources
from jobs.claim import Claim
from jobs.core.application import Application
from jobs.core.deployed import Deployed, deployed_of
from jobs.core.errors import PlanError
from jobs.core.guards import named
from jobs.core.health_status import Health
from jobs.core.intent import wants_hooks
from jobs.core.inventory import Owner, is_labelled
from jobs.core.judged import Trace, Traces, trace_of
from jobs.core.kinds import kinds_of, kinds_text
from jobs.core.objects import ObjectId
from jobs.core.order import Phase, Step, failure_steps, hook_of, steps
from jobs.core.plan import Action, Change, Observed, Plan, Removal, is_hook, make
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
    failure_hooks: tuple[Change, ...]
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
    orphans: str | None = None
    """What to warn of; None: it was not looked."""

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

    def applied(self, answers: Mapping[ObjectId, Mapping[str, Any]]) -> "Compared":
        """After objects were applied."""
        return replace(self, plan=self.plan.applied(answers))

    def pruned(self, removals: Iterable[Removal]) -> "Compared":
        """After objects were deleted or released; those that were kept stay in the plan."""
        gone = {removal.id for removal in removals if not removal.kept}
        left = tuple(removal for removal in self.plan.removals if removal.id not in gone)
        return replace(self, plan=replace(self.plan, removals=left))


async def compare(application: Application, run: Run, found: Sources, claim: Claim, parts: Parts) -> Compared:
    """The plan towards these sources. Raises StageError: the spec, the render, or a cluster that can't be asked."""
    leave = await projects.leave(application, claim.require, parts)
    kube = leave.kube
    owner = Owner(parts.settings.installation, application.namespace, application.name)
    aimed = await _aimed(application, run, found, leave, parts)
    full = wants_hooks(application, run, deployed_of(application.annotations))
    chosen = aimed.selected(run.sync_options.get("resources"))
    planned = steps(chosen.manifests if full else _without_hooks(chosen))
    wanted = replace(_wanted(application, planned, owner), cluster=leave.cluster)
    # What a watch saw must not be judged by a list that is older, also if a push came since and names another reason.
    observed = await observe(wanted, kube, parts.memory, cached="fresh" not in claim.hints)
    rules = replace(
        _rules(application, run, chosen, owner, parts),
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
        failure_hooks=_failure_hooks(chosen) if full else (),
        wanted=wanted,
        rules=rules,
        kube=kube,
        deployed=deployed_of(application.annotations),
        drift=plan.drifted,
        source_types=found.types,
        warnings=(*chosen.warnings, *_withheld(observed), *_never_run(chosen), *scripts.problems),
        where=", ".join(found.aim.revisions),
        strangers=_strangers(plan, observed),
        orphans=await orphan_warning(rules, kube, claim.why),
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


async def again(compared: Compared, run: Run, parts: Parts) -> Compared:
    """The same comparison after the cluster changed under it; what was observed before is old now."""
    rules = replace(compared.rules, operation=run.id, applied=run.changed_ids)
    observed = await observe(compared.wanted, compared.kube, parts.memory)
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


def require_in_time(run: Run, compared: Compared, waits_for: str, parts: Parts) -> None:
    """Every sync has a deadline: a wave's time for each wave it has. Raises PlanError when it is over."""
    waves = len({(change.phase, change.wave) for change in compared.plan.changes}) or 1
    limit_s = parts.settings.wave_timeout_s * waves
    if parts.now().since(run.started_at) > limit_s:
        raise PlanError(f"gave up after {limit_s:g} s (PILOTHOUSE_WAVE_TIMEOUT_S for each of {waves}) {waits_for}")


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


def _never_run(chosen: Targets) -> tuple[str, ...]:
    """Hooks that their author relies on, and that nobody runs yet."""
    hooks = {str(manifest.id): hook_of(manifest) for manifest in chosen.manifests}
    deletion = {Phase.PRE_DELETE, Phase.POST_DELETE}
    found = tuple(target for target, hook in hooks.items() if hook and deletion & {*hook.phases})
    return (f"PreDelete and PostDelete hooks are not run yet: {named(found)}",) if found else ()


def _without_hooks(chosen: Targets) -> list[Any]:
    return [manifest for manifest in chosen.manifests if hook_of(manifest) is None]


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


def _failure_hooks(chosen: Targets) -> tuple[Change, ...]:
    return tuple(
        Change(manifest, step.phase, step.wave, hook_of(manifest), Action.CREATED, None)
        for step in failure_steps(chosen.manifests)
        for manifest in step.manifests
    )
