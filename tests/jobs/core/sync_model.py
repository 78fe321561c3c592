"""A worker without I/O that drives the real decisions against a pure cluster (world.py), killed wherever a test says.

The worker does what jobs/deploy.py and jobs/sync.py do, in the same order; between claims nothing survives but the
Application object. What happened in the cluster is in `World.log`: the rules are checked on that alone.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from jobs.core.advance import Clean, advance
from jobs.core.application import PHASE, RUN, SOURCE_KEY, Application, application_of
from jobs.core.deadline import Limits
from jobs.core.deployed import deployed_of
from jobs.core.errors import PlanError, Refused
from jobs.core.hooks import hook_run
from jobs.core.intent import Intent, intent, wants_hooks
from jobs.core.moment import Moment
from jobs.core.objects import Manifest, ObjectId
from jobs.core.order import DeletePolicy, failure_steps, hook_of, steps
from jobs.core.plan import Change, Observed, Plan, make
from jobs.core.progress import Apply, Fail, Finish, Prune, Terminate, Wait, end_former
from jobs.core.results import applied, pruned, terminated
from jobs.core.run import Aim, Run, resumed
from jobs.core.settle import adopted
from jobs.core.status import Seen, as_status
from tests.builders import NOON, an_application_body, merged, some_rules
from tests.jobs.core.world import World

Json = dict[str, Any]
RETRY: Json = {"syncPolicy": {"retry": {"limit": 1}}}
CLAIM_S = 60.0
LIMITS = Limits(100.0)


@dataclass(frozen=True, slots=True, repr=False)
class Commit:
    """What Git says."""

    number: int
    manifests: tuple[Manifest, ...]
    refused: frozenset[ObjectId]
    """Objects that the API server would not take."""

    def __repr__(self) -> str:
        """For a story that breaks a rule."""
        items = (
            f"{item.id.name}{['', ' refused'][item.id in self.refused]} {item.annotations}" for item in self.manifests
        )
        return f"Commit({self.number}: {'; '.join(items)})".replace("argocd.argoproj.io/", "")

    @property
    def aim(self) -> Aim:
        """Towards it."""
        return Aim((f"{self.number:x}".zfill(40),), f"key-{self.number}")


@dataclass
class Worker:
    """Claims one Application again and again."""

    world: World
    body: Json = field(default_factory=lambda: an_application_body(spec=RETRY))
    """The Application object: all that survives a claim."""
    claims: int = 0
    crashed: bool = False

    @property
    def at(self) -> Moment:
        """Now."""
        return Moment(NOON.seconds + CLAIM_S * self.claims)

    @property
    def phase(self) -> str:
        """How the last operation is."""
        return str(((self.body.get("status") or {}).get("operationState") or {}).get("phase", ""))

    @property
    def operation(self) -> str:
        """Id of the last operation."""
        return str(self.body["metadata"].get("annotations", {}).get(RUN, "")).partition(".")[0]

    def claim(self, commit: Commit) -> None:
        """One claim of the Application, at a commit; it may be killed."""
        self.claims += 1
        application = application_of(self.body)
        token = f"t{self.claims}"
        run = resumed(application, commit.aim, token, self.at)
        plan = self._compare(commit, run, application)
        try:
            run, plan = self._carry_out(application, commit, run, plan)
        except PlanError as error:
            run, plan = self._last[0].failed(error, self.at), self._last[1]
        self._record(run, plan, deployed=True)
        self.crashed = False

    def _carry_out(self, application: Application, commit: Commit, run: Run, plan: Plan) -> tuple[Run, Plan]:
        self._last = (run, plan)
        wish = intent(application, run, plan, deployed_of(application.annotations))
        if wish is Intent.LOOK:
            former = end_former(plan, run) if run.supersedes else None
            if isinstance(former, Terminate) and not plan.refusals:
                self._terminate(former)
            return run, plan
        run = run.begun(heal=wish is Intent.HEAL)
        self._last = (run, plan)
        if not run.results:
            plan.require_clean()
        if not run.resumed and any(change.hook for change in plan.changes):
            self._record(run, plan)
        return self._sync(run, plan, commit)

    def _sync(self, run: Run, plan: Plan, commit: Commit) -> tuple[Run, Plan]:
        if self.crashed and not run.heal:
            run = run.with_results(adopted(plan, run))
        for _ in range(200):
            run, step = advance(plan, run, LIMITS, self.at)
            self._last = (run, plan)
            if isinstance(step, Fail):
                raise PlanError(step.message)
            if isinstance(step, Finish):
                return run.succeeded("done", self.at), plan
            if isinstance(step, Wait):
                return run, plan
            run, plan = self._step(step, run, plan, commit)
        raise AssertionError("a claim that takes step after step and never lets go")

    def _step(self, step: Any, run: Run, plan: Plan, commit: Commit) -> tuple[Run, Plan]:
        if isinstance(step, Apply):
            return self._apply(step, run, plan, commit)
        if isinstance(step, Prune):
            due = [removal for removal in step.removals if not removal.kept]
            for removal in due:
                self.world.delete(removal.id, removal.manifest.body["metadata"]["uid"])
            leaving = [removal.id for removal in due if removal.id in self.world.live]
            return run.with_results(pruned(step.removals, {})), plan.pruned(step.removals, leaving)
        if isinstance(step, Terminate):
            self._terminate(step)
            run = run.with_results(terminated(step.hooks, run.id, step.why))
            return run, self._compare(commit, run, application_of(self.body))
        self._record(run, plan)
        ended = [change for change in step.changes if change.live] if isinstance(step, Clean) else []
        for change in ended:
            self.world.delete(change.id, (change.live or {})["metadata"]["uid"])
        return run, plan.cleaned(ended)

    def _apply(self, step: Apply, run: Run, plan: Plan, commit: Commit) -> tuple[Run, Plan]:
        answers = {change.id: answer for change in step.changes if (answer := self._applied(change, run))}
        written = [change for change in step.changes if change.id in answers]
        run, plan = run.with_results(applied(written, waits=not run.heal)), plan.applied(answers)
        look_again = step.look_again or len(written) < len(step.changes)
        return run, self._compare(commit, run, application_of(self.body)) if look_again else plan

    def _applied(self, change: Change, run: Run) -> Json | None:
        if change.hook is None:
            return self.world.apply(change.manifest)
        if change.live is not None and DeletePolicy.BEFORE_HOOK_CREATION in change.hook.delete_policies:
            self.world.delete(change.id, change.live["metadata"]["uid"])
            if change.id in self.world.live:
                return None  # still going: it is deferred at the next look
        return self.world.apply(change.manifest, hook_run(run.id, change.phase))

    def _terminate(self, step: Terminate) -> None:
        for hook in step.hooks:
            self.world.delete(hook.id, hook.manifest.body["metadata"]["uid"])

    def _compare(self, commit: Commit, run: Run, application: Application) -> Plan:
        full = wants_hooks(application, run, deployed_of(application.annotations))
        wanted = [item for item in commit.manifests if full or hook_of(item) is None]
        planned = (*steps(wanted), *failure_steps(wanted)) if full else steps(wanted)
        live = dict(self.world.live)
        predicted = {
            item.id: {**live[item.id], "spec": item.body["spec"], "metadata": _predicted(live[item.id], item)}
            for item in wanted
            if item.id in live
        }
        problems = {item.id: Refused("it is wrong", status=422) for item in wanted if item.id in commit.refused}
        observed = Observed(live, predicted, problems, frozenset(live))
        rules = replace(some_rules(application, operation=run.id), applied=run.changed_ids, allow_empty=True)
        return make(planned, observed, rules)

    def _record(self, run: Run, plan: Plan, *, deployed: bool = False) -> None:
        self.world.killer()
        application = application_of(self.body)
        before = deployed_of(application.annotations)
        after = before
        if deployed and run.error is not None:
            after = before.failed(run.aim.key)
        elif deployed and run.phase in (None, "Succeeded") and (plan.synced if run.phase is None else not plan.drifted):
            after = before.succeeded(run.aim.key)
        annotations = {RUN: run.annotation, PHASE: run.phase_annotation, SOURCE_KEY: str(after)}
        self.body = merged(self.body, {"metadata": {"annotations": annotations}})
        self.body["status"] = as_status(application, run, Seen(plan), self.at)
        self.world.killer()


def _predicted(live: Json, manifest: Manifest) -> Json:
    """As the dry run answers: everything but what we no longer set."""
    return {**live["metadata"], "annotations": {**manifest.annotations}, "labels": manifest.body["metadata"]["labels"]}
