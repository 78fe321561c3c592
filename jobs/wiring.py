"""Builds what a worker works with, and takes it down again. Wiring only; how the process lives is worker.py's."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from jobs.clusters import Clusters, Home
from jobs.core.limits import claim_limits
from jobs.core.moment import Moment
from jobs.deploy import deploy_claim
from jobs.enqueue import Queue
from jobs.events import Events
from jobs.fetch import Mirrors
from jobs.inspect import inspect_claim
from jobs.judge import Judge
from jobs.judgements import Judgements
from jobs.kube import Kube
from jobs.lead import Lead
from jobs.listen import listen
from jobs.logins import Logins
from jobs.observe import Memory
from jobs.pace import Pace
from jobs.parts import Parts
from jobs.refresh import refresh_claim
from jobs.render import Renderers
from jobs.revisions import Revisions
from jobs.settings import Settings
from jobs.store import Applications
from jobs.surroundings import surroundings
from jobs.sweep import Sweep, mark_everything
from jobs.view import View
from jobs.watch import watch
from jobs.webhook_copies import WebhookCopies
from jobs.work import Work


@asynccontextmanager
async def build(settings: Settings, queue: Queue) -> AsyncIterator[Work]:
    """The real handlers and what they stand on. Raises SettingsError, or RenderError when no renderer can start."""
    async with AsyncExitStack() as stack:
        home = await Kube.connect(settings)
        stack.push_async_callback(home.close)
        parts = await _parts(settings, queue, home, stack)
        yield Work(
            handlers={
                "repository": partial(refresh_claim, parts=parts),
                "application": partial(deploy_claim, parts=parts),
                "inspect": partial(inspect_claim, parts=parts),
            },
            tasks={
                "listen": partial(listen, parts, home),
                "surroundings": partial(surroundings, parts, home),
                "watch": partial(watch, parts),
                "webhook secrets": WebhookCopies(home, settings.home).keep,
            },
            sweep=Sweep(parts).tick,
            mark_everything=partial(mark_everything, parts),
            limits=partial(_limits, parts),
        )


async def _parts(settings: Settings, queue: Queue, home: Kube, stack: AsyncExitStack) -> Parts:
    written = Home(home, settings.home)
    clusters = Clusters(home, written)
    stack.push_async_callback(clusters.close)
    mirrors = Mirrors(settings, Logins(written).at)
    stack.push_async_callback(mirrors.close)
    await mirrors.start()
    renderers = Renderers(settings)
    stack.push_async_callback(renderers.close)
    await renderers.start()
    events = Events(home, wall_clock)
    stack.push_async_callback(events.close)
    judgements, lead = Judgements(settings.redis_url), Lead(settings.redis_url)
    stack.push_async_callback(judgements.close)
    stack.push_async_callback(lead.close)
    applications, view = Applications(home), View(settings.namespaces)
    revisions = Revisions(applications, view)
    stack.push_async_callback(revisions.close)
    return Parts(
        settings=settings,
        queue=queue,
        applications=applications,
        clusters=clusters,
        home=written,
        mirrors=mirrors,
        renderers=renderers,
        judge=Judge(written, renderers, generic=settings.generic_health),
        memory=Memory(),
        view=view,
        judgements=judgements,
        lead=lead,
        events=events,
        revisions=revisions,
        pace=Pace(settings.refresh_interval_s),
        now=wall_clock,
    )


def _limits(parts: Parts, running: Iterable[str]) -> dict[str, int]:
    return claim_limits(parts.clusters.felt(), running, slots=parts.settings.concurrency)


def wall_clock() -> Moment:
    """Now, for status and Events."""
    return Moment(time.time())
