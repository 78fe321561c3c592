"""What the pipelines work with, built once by the wiring (worker.py) and handed down."""

from collections.abc import Callable
from dataclasses import dataclass

from jobs.clusters import Clusters, Home
from jobs.core.moment import Moment
from jobs.enqueue import Queue
from jobs.events import Events
from jobs.fetch import Mirrors
from jobs.judge import Judge
from jobs.judgements import Judgements
from jobs.lead import Lead
from jobs.observe import Memory
from jobs.pace import Pace
from jobs.render import Renderers
from jobs.revisions import Revisions
from jobs.settings import Settings
from jobs.store import Applications
from jobs.view import View


@dataclass(frozen=True, slots=True)
class Parts:
    """Every outside thing a run needs."""

    settings: Settings
    queue: Queue
    applications: Applications
    clusters: Clusters
    home: Home
    mirrors: Mirrors
    renderers: Renderers
    judge: Judge
    memory: Memory
    view: View
    judgements: Judgements
    lead: Lead
    events: Events
    revisions: Revisions
    pace: Pace
    """Of the fetches of each repository."""
    now: Callable[[], Moment]
    """The wall clock: what status and Events say."""
