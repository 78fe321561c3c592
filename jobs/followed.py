"""A delivery followed through the runs it leads to: what goes from claim to claim, a line for each, how long it took.

The runner puts the delivery's id on every line that is logged during a claim; here is what a run says at its end.
"""

from collections.abc import Mapping

import structlog

from jobs import metrics
from jobs.claim import Claim
from jobs.core.application import Application
from jobs.core.moment import Moment
from jobs.core.run import OperationPhase, Run

log = structlog.get_logger()

FROM_PUSH = ("delivery", "received_at_ms")
"""Hints that a push leaves on the mark of a repository, and that go on with the marks it leads to."""
APPLIED = "applied_at_ms"


def carried(claim: Claim, run: Run, before: Run, at: Moment) -> dict[str, str]:
    """What the next claim of a run is to know of the push that began it. before: the run as this claim took it up."""
    known = (*FROM_PUSH, APPLIED) if run.resumed else FROM_PUSH
    hints = {name: claim.hints[name] for name in known if name in claim.hints}
    if run.changed_ids != before.changed_ids:
        hints[APPLIED] = str(round(at.seconds * 1000))
    return hints


def tell(application: Application, run: Run, hints: Mapping[str, str]) -> None:
    """Say how a claim of an application ended; of a push that is applied, how long that took."""
    fields = {
        "application": application.key,
        "run": run.id,
        "revision": run.aim.revisions[0] if run.aim.revisions else "",
        "changed": len(run.changed_ids),
    }
    if run.error is not None:
        log.warning("run failed", stage=run.error.stage, error=run.error.message, **fields)
    elif run.phase is None:
        if "delivery" in hints:  # of each sweep it would be a line for each application, each minute
            log.info("nothing to change", **fields)
    elif run.phase is OperationPhase.RUNNING:
        log.info("run waits", message=run.message, **fields)
    else:
        log.info("run ended", phase=str(run.phase), heal=run.heal, message=run.message, **fields)
        _measure(hints)


def _measure(hints: Mapping[str, str]) -> None:
    """From the receipt of the push that led here to its last object applied, for the histogram."""
    received, applied = hints.get("received_at_ms", ""), hints.get(APPLIED, "")
    if received.isdecimal() and applied.isdecimal():
        metrics.PUSH_TO_APPLIED.observe(max(0.0, (int(applied) - int(received)) / 1000))
