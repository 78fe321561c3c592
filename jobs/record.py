"""What is written down of a run: status and annotations of the Application, Events, metrics (design.md, part 5)."""

import contextlib
from collections.abc import Mapping
from typing import Any

from jobs import metrics
from jobs.claim import Claim
from jobs.compare import Compared
from jobs.core.announce import announcements
from jobs.core.application import KINDS, REFRESH, RUN, SOURCE_KEY, Application, application_of
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
        annotations={RUN: run.annotation, KINDS: kinds},
        status=as_status(application, run, _seen(compared), parts.now()),
        take_operation=application.operation is not None,
    )
    return wanted(application_of(body))


async def record(application: Application, run: Run, compared: Compared | None, parts: Parts) -> None:
    """After a claim: the status as it is now, unless it says the same already. Raises Conflict as record_start."""
    at = parts.now()
    status = as_status(application, run, _seen(compared), at)
    annotations = _annotations(application, run, compared)
    asked = application.operation is not None
    if annotations or asked or not _says_the_same(application.status, status):
        wanted = {RUN: run.annotation, **annotations}
        await parts.applications.record(application, annotations=wanted, status=status, take_operation=asked)
    parts.events.tell(application, announcements(application, run, compared.put_back if compared else ()))
    metrics.count_run(run)


async def note_judged(application: Application, run: Run, compared: Compared | None, parts: Parts) -> None:
    """Before the claim ends: how every object was judged, for whoever watches them. Lost, it is compared again."""
    if compared is None or run.selects:
        return
    with contextlib.suppress(QueueDown):
        await parts.judgements.write(application.key, compared.kube.server, compared.traces)


async def forget(claim: Claim, parts: Parts) -> None:
    """An Application that is gone: nothing is due for it any more. Raises QueueDown."""
    await parts.queue.drop(claim.kind, claim.key)
    await parts.judgements.drop(claim.key)


def _seen(compared: Compared | None) -> Seen:
    if compared is None:
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
    return found


def _stopped(before: Deployed, application: Application, run: Run) -> Deployed | None:
    """What is remembered when a sync window stopped the run: no failure, but also not that nothing was applied.

    So Git may go back behind it, and what was deployed before is put in place again. None: no window did.
    """
    if run.held is None and not isinstance(run.error, WindowClosed):
        return None
    key = running_key(application) or (run.aim.key if run.changed_ids else "")
    return before.tried(key) if key else before


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
