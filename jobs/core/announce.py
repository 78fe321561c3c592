"""What is worth telling people of a run, as Events on the Application; reasons as Argo CD's where it has one."""

from dataclasses import dataclass

from jobs.core.application import Application
from jobs.core.blame import told
from jobs.core.guards import named
from jobs.core.plan import Change
from jobs.core.run import OperationPhase, Run


@dataclass(frozen=True, slots=True)
class Announcement:
    """One Event."""

    kind: str
    """Normal or Warning."""
    reason: str
    message: str


def announcements(application: Application, run: Run, healed: tuple[Change, ...]) -> tuple[Announcement, ...]:
    """The Events of a claim. healed: objects that were put back, with what had been changed in them."""
    if run.phase is None:
        return ()
    revision = run.aim.revisions[0] if run.aim.revisions else "an unknown revision"
    by = "automated sync" if run.automated else "sync"
    found = []
    if run.heal and healed:
        found.append(Announcement("Normal", "DriftHealed", f"Put back {named(tuple(map(_what, healed)))}"))
    elif not run.resumed and (run.results or run.phase is not OperationPhase.RUNNING):
        found.append(Announcement("Normal", "OperationStarted", f"Initiated {by} to '{revision}'"))
    if run.heal and run.phase is OperationPhase.SUCCEEDED:
        return tuple(found)
    partial = "Partial sync" if run.sync_options.get("resources") else "Sync"
    if run.phase is OperationPhase.SUCCEEDED:
        found.append(Announcement("Normal", "OperationCompleted", f"{partial} operation to {revision} succeeded"))
    elif run.phase is not OperationPhase.RUNNING:
        said = f"{partial} operation to {revision} failed: {run.message}"
        found.append(Announcement("Warning", "OperationCompleted", said))
    return tuple(found)


def _what(change: Change) -> str:
    return f"{change.id} ({told(change)})"
