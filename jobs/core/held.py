"""Whether sync windows let a run do what it is for. What nobody asked for waits; what was asked for, or runs, ends.

A running sync never just stops moving (Argo CD's defect W14): it goes on by `syncOverrun`, or ends and says so.
"""

from jobs.core.errors import WindowClosed
from jobs.core.moment import Moment
from jobs.core.plan import Plan
from jobs.core.rules import Rules
from jobs.core.run import Run
from jobs.core.windows import Wish, closed


def held(run: Run, todo: Plan, rules: Rules, at: Moment) -> Run:
    """The run, held back if it has to wait. Raises WindowClosed when it was asked for, or is under way."""
    wish = Wish(manual=not run.automated, began_at=run.started_at if run.resumed else None)
    found = closed(rules.windows, wish, at)
    idle = not todo.drifted and all(removal.kept for removal in todo.removals)
    if found is None or (idle and not run.requested and not run.resumed):
        return run
    said = f"AppProject {rules.application.project}: {found}"
    wait_s = found.opens_at.since(at) if found.opens_at else None
    if run.resumed:
        count = len(run.changed_ids)
        said = f"ended by a sync window, {count} objects were applied: {said}. A window with syncOverrun lets it go on"
        raise WindowClosed(said, retry_after_s=wait_s)
    if run.requested:
        raise WindowClosed(f"not begun: {said}. A window with manualSync lets syncs by hand pass", retry_after_s=wait_s)
    return run.held_back(WindowClosed(f"held back: {said}", retry_after_s=wait_s))
