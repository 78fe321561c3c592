"""The end of an Application: a ladder of its finalizers, the operation that it is, and which finalizers hooks ask for.

Finalizers and their order are Argo CD's (https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/). What goes
with the Application: cascade.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from jobs.core.application import Application
from jobs.core.moment import Moment
from jobs.core.order import Phase
from jobs.core.results import Result, results_of
from jobs.core.run import Aim, Run, resumed

CASCADE = "resources-finalizer.argocd.argoproj.io"
PROPAGATION = {CASCADE: "foreground", f"{CASCADE}/foreground": "foreground", f"{CASCADE}/background": "background"}
HOOKS = {
    Phase.PRE_DELETE: "pre-delete-finalizer.argocd.argoproj.io",
    Phase.POST_DELETE: "post-delete-finalizer.argocd.argoproj.io",
}
CLEANUP = "/cleanup"
"""After a hook's finalizer: its objects are still to be looked after once it has run."""
KEY = "deletion"
"""Stands where a sync has the key it goes towards."""
OPERATION: Mapping[str, Any] = {
    "initiatedBy": {"automated": True},
    "info": [{"name": "Reason", "value": "the Application is being deleted"}],
}


class Stage(StrEnum):
    """What is to be done before a finalizer may go."""

    HOOKS = "hooks"
    CASCADE = "cascade"
    CLEANUP = "cleanup"


@dataclass(frozen=True, slots=True)
class Rung:
    """One finalizer of ours."""

    finalizer: str
    stage: Stage
    phase: Phase | None = None
    """Of its hooks; None: it has none."""


def _ladder() -> Iterable[Rung]:
    pre, post = HOOKS[Phase.PRE_DELETE], HOOKS[Phase.POST_DELETE]
    yield Rung(pre, Stage.HOOKS, Phase.PRE_DELETE)
    yield from (Rung(name, Stage.CASCADE) for name in PROPAGATION)
    yield Rung(f"{pre}{CLEANUP}", Stage.CLEANUP, Phase.PRE_DELETE)
    yield Rung(post, Stage.HOOKS, Phase.POST_DELETE)
    yield Rung(f"{post}{CLEANUP}", Stage.CLEANUP, Phase.POST_DELETE)


LADDER = tuple(_ladder())
"""In the order in which they go."""


def rungs(finalizers: Iterable[str]) -> tuple[Rung, ...]:
    """Those of an Application's finalizers that are ours, the next one first."""
    there = frozenset(finalizers)
    return tuple(rung for rung in LADDER if rung.finalizer in there)


def wanted_finalizers(finalizers: Iterable[str], phases: Iterable[Phase]) -> tuple[str, ...]:
    """The finalizers of an Application that stays, given the deletion hooks its sources render; others are kept.

    Those of hooks that are rendered no more are taken away: they would hold the Application for nothing.
    """
    asked = [f"{HOOKS[phase]}{end}" for phase in HOOKS if phase in set(phases) for end in ("", CLEANUP)]
    known = {f"{name}{end}" for name in HOOKS.values() for end in ("", CLEANUP)}
    kept = [name for name in finalizers if name not in known or name in asked]
    return (*kept, *(name for name in asked if name not in kept))


def deployed_revisions(application: Application) -> tuple[str, ...]:
    """The commits that were deployed last, one for each source; empty: never, or the sources are others by now.

    An Application is often deleted by the commit that deletes its folder: its hooks are those that were deployed.
    """
    history = application.status.get("history") or []
    last = history[-1] if history else {}
    revisions = last.get("revisions") or ([last["revision"]] if last.get("revision") else [])
    sources = last.get("sources") or [last.get("source") or {}]
    addresses = [source.get("repoURL") for source in sources if isinstance(source, Mapping)]
    same = addresses == [source.repo_url for source in application.sources] and len(revisions) == len(addresses)
    return tuple(map(str, revisions)) if same else ()


def deletion_run(application: Application, token: str, at: Moment) -> Run:
    """The operation that a deletion is: the one under way, or a new one. Hooks that ended well are not run again."""
    aim = Aim(deployed_revisions(application), KEY)
    run = resumed(replace(application, operation=None), aim, token, at).begun(heal=False)
    if run.resumed:
        return run
    state = application.status.get("operationState") or {}
    former = results_of(state) if state.get("operation") == OPERATION else {}
    done = [result for result in former.values() if _is_done(result)]
    return replace(run, operation=OPERATION).with_results(done)


def _is_done(result: Result) -> bool:
    return result.hook_type in list(HOOKS) and result.hook_phase == "Succeeded"
