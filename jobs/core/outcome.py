"""When an application is looked at again after a run, from how the run ended. The queue does the waiting."""

from dataclasses import dataclass

from jobs.core.application import Application
from jobs.core.deployed import UNKNOWN, deployed_of
from jobs.core.errors import (
    FetchError,
    InvalidSpecError,
    KubeError,
    Overloaded,
    Unauthorized,
    Unreachable,
    WindowClosed,
)
from jobs.core.moment import Moment
from jobs.core.run import OperationPhase, Run

FIRST_LOOK_S, LAST_LOOK_S = 0.3, 5.0
"""Seconds between looks at health: soon at first, then a quarter of the time that passed, at most five seconds."""


AWAY = (FetchError, Overloaded, Unauthorized, Unreachable)
"""Errors of the surroundings, that pass by themselves or when somebody mends them there."""


EARLIEST_S = 1.0
"""Shortest wait for a sync window, in seconds: clocks differ, and a moment too early is no reason to spin."""


@dataclass(frozen=True, slots=True)
class Later:
    """Look again in so many seconds. backoff: not even a sweep may come earlier, only a new wish."""

    in_s: float
    backoff: bool
    why: str = "wait"
    """The reason of the mark, one of jobs.enqueue.WHYS; a back-off is a retry."""


def later(application: Application, run: Run, at: Moment) -> Later | None:
    """When to look again; None: only when something changes, or by the sweep."""
    closed = run.held or (run.error if isinstance(run.error, WindowClosed) else None)
    if closed is not None:
        return _when_it_opens(application, closed)
    if run.phase is OperationPhase.RUNNING:
        passed = max(0.0, at.since(run.started_at))
        return Later(min(LAST_LOOK_S, max(FIRST_LOOK_S, passed / 4)), backoff=False)
    if run.error is None and run.phase and (run.selects or not run.automated):
        # How the whole application is now, and what its policy wants, this run did not see.
        return Later(0.0, backoff=False)
    if run.error is None or isinstance(run.error, InvalidSpecError):
        return None
    if run.error.retry_after_s is not None:
        return Later(run.error.retry_after_s, backoff=True)
    retry, failures = application.policy.retry, deployed_of(application.annotations).failed(failed_key(run)).failures
    wait_s = retry.wait_s(failures)
    if wait_s is None or not application.policy.automated:
        # What may heal by itself, a repository or a cluster that is away, is asked again at the longest wait.
        return Later(retry.max_duration_s, backoff=True) if isinstance(run.error, FetchError | KubeError) else None
    return Later(wait_s, backoff=True)


def _when_it_opens(application: Application, closed: WindowClosed) -> Later | None:
    """Sweeps go on comparing meanwhile: what is not as Git says is shown."""
    if closed.retry_after_s is None or not application.policy.automated:
        return None
    return Later(max(EARLIEST_S, closed.retry_after_s), backoff=False, why="window")


def failed_key(run: Run) -> str:
    """Under which name a failure is counted: the source key, or what stands in its place.

    A repository or cluster that is away says nothing against the sources: once it is back, they are tried, however long
    it took. Unless something was applied for them: then they were tried, and Git may yet go back behind them.
    """
    away = isinstance(run.error, AWAY) and not run.changed_ids
    return UNKNOWN if away or not run.aim.key else run.aim.key
