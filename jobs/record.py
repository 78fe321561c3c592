"""What is written down of a run: status and annotations of the Application, Events, metrics (design.md, part 5)."""

import contextlib
from collections.abc import Mapping
from typing import Any

from jobs import metrics
from jobs.claim import Claim
from jobs.compare import Compared
from jobs.core.announce import announcements
from jobs.core.application import KINDS, PHASE, REFRESH, RUN, SOURCE_KEY, Application, application_of
from jobs.core.deletion import wanted_finalizers
from jobs.core.deployed import Deployed, deployed_of
from jobs.core.errors import WindowClosed
from jobs.core.outcome import failed_key
from jobs.core.run import OperationPhase, Run, running_key
from jobs.core.status import Seen, as_status
from jobs.core.wanted import wanted
from jobs.parts import Parts
from jobs.valkey import QueueDown


async def record_start(application: Application, run: Run, compared: Compared, parts: Parts) -> Application:
    """Before the first apply: where pruning will look later, and that what was asked for is under way.

    Written only where it is needed to resume or to prune after a kill: an ordinary push is one write less.
    Raises Conflict when somebody else wrote since the Application was read.
    """
    kinds = compared.kinds_annotation
    kinds_grow = kinds != application.annotations.get(KINDS)
    if not (kinds_grow or application.operation is not None or (compared.has_hooks and not run.resumed)):
        return application
    body = await parts.applications.record(
        application,
        annotations={RUN: run.annotation, KINDS: kinds, PHASE: run.phase_annotation},
        status=as_status(application, run, _seen(compared), parts.now()),
        take_operation=application.operation is not None,
    )
    return wanted(application_of(body))


async def record_progress(application: Application, run: Run, compared: Compared, parts: Parts) -> Application:
    """How far the run came, before it does what must not be begun twice. Raises Conflict as record_start."""
    status = as_status(application, run, _seen(compared), parts.now())
    if _says_the_same(application.status, status):
        return application
    annotations = {RUN: run.annotation, PHASE: run.phase_annotation}
    return application_of(await parts.applications.record(application, annotations=annotations, status=status))


async def record(application: Application, run: Run, compared: Compared | None, parts: Parts) -> None:
    """After a claim: the status as it is now, unless it says the same already. Raises Conflict as record_start."""
    at = parts.now()
    status = as_status(application, run, _seen(compared), at)
    annotations, finalizers = _annotations(application, run, compared), _finalizers(application, compared)
    asked = application.operation is not None
    if annotations or asked or finalizers is not None or not _says_the_same(application.status, status):
        wanted = {RUN: run.annotation, **annotations}
        await parts.applications.record(
            application, annotations=wanted, status=status, take_operation=asked, finalizers=finalizers
        )
    parts.events.tell(application, announcements(application, run, compared.put_back if compared else ()))
    metrics.count_run(run)


async def record_deletion(application: Application, run: Run, parts: Parts) -> None:
    """How far a deletion came, and what holds it. Raises Conflict as record_start."""
    status = as_status(application, run, Seen(None), parts.now())
    if run.phase_annotation == application.annotations.get(PHASE) and _says_the_same(application.status, status):
        return
    annotations = {RUN: run.annotation, PHASE: run.phase_annotation}
    await parts.applications.record(application, annotations=annotations, status=status)


async def note_judged(application: Application, run: Run, compared: Compared | None, parts: Parts) -> None:
    """Before the claim ends: how every object was judged, for whoever watches them. Lost, it is compared again."""
    if compared is None or run.selects:
        return
    with contextlib.suppress(QueueDown):
        await parts.judgements.write(application.key, compared.kube.server, compared.traces)


async def forget(claim: Claim, parts: Parts) -> None:
    """An Application that is gone: nobody judges its objects any more. Raises QueueDown."""
    await parts.judgements.drop(claim.key)


def _seen(compared: Compared | None) -> Seen:
    if compared is None or compared.part:
        return Seen(None)
    return Seen(compared.plan, compared.source_types, compared.warnings, compared.orphans)


def _annotations(application: Application, run: Run, compared: Compared | None) -> dict[str, str | None]:
    """What changed of our memory on the Application; a refresh that was asked for was done."""
    found: dict[str, str | None] = {}
    before = deployed_of(application.annotations)
    after = _stopped(before, application, run) or _deployed(before, run, compared)
    if after != before:
        found[SOURCE_KEY] = str(after)
    if REFRESH in application.annotations:
        found[REFRESH] = None
    if run.phase_annotation != application.annotations.get(PHASE):
        found[PHASE] = run.phase_annotation
    return found


def _stopped(before: Deployed, application: Application, run: Run) -> Deployed | None:
    """What is remembered when a sync window stopped the run: no failure, but also not that nothing was applied.

    So Git may go back behind it, and what was deployed before is put in place again. None: no window did.
    """
    if run.held is None and not isinstance(run.error, WindowClosed):
        return None
    key = running_key(application) or (run.aim.key if run.changed_ids else "")
    return before.tried(key) if key else before


def _finalizers(application: Application, compared: Compared | None) -> tuple[str, ...] | None:
    """Those it shall have, for hooks of its deletion; None: it has them."""
    if compared is None or application.deleting:
        return None
    wanted = wanted_finalizers(application.finalizers, compared.deletion_phases)
    return wanted if wanted != application.finalizers else None


def _deployed(before: Deployed, run: Run, compared: Compared | None) -> Deployed:
    """A key is stored when all is as Git says, or when a whole sync left only what pruning may not touch."""
    if run.error is not None:
        return before.failed(failed_key(run))
    if compared is None or not run.whole or run.phase not in (None, OperationPhase.SUCCEEDED):
        return before
    done = not compared.plan.drifted if run.phase else compared.plan.synced
    return before.succeeded(run.aim.key) if done else before


def _says_the_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether only the time of the comparison differs: not worth a write a minute for each application."""
    return {**before, "reconciledAt": ""} == {**after, "reconciledAt": ""}
