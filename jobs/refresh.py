"""One repository that was pushed to: fetched once, then the Applications that this concerns are marked.

Which ones is decided from Git objects, never from the file list of a payload (design.md, part 3).
"""

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from jobs import metrics, sources
from jobs.claim import Again, Claim
from jobs.core.affected import Effect, effect, together
from jobs.core.application import Application
from jobs.core.errors import StageError
from jobs.core.wanted import wanted
from jobs.enqueue import Mark
from jobs.followed import FROM_PUSH
from jobs.mirror import Mirror
from jobs.parts import Parts

log = structlog.get_logger()

UNLISTED_WAIT_S = 0.5
"""When to look again while the Applications are not yet listed, in seconds."""
LAG_WAITS_S = (1.0, 5.0, 30.0)
"""When to look again while the host's answer is older than its push (a lagging replica), in seconds."""


async def refresh_claim(claim: Claim, parts: Parts) -> Again | None:
    """Fetch a claimed repository and mark the applications whose source changed; when to look again, if it lags."""
    applications = parts.view.using(claim.key)
    if not parts.view.complete.is_set():
        # This worker has just started: what was pushed before must not pass for a repository that nobody uses.
        return Again(UNLISTED_WAIT_S, claim.why, background=claim.background, hints=claim.hints)
    if not applications:
        metrics.UNMATCHED.inc()
        log.info("no application uses the repository", repository=claim.key)
        return None
    if wait_s := parts.pace.wait_s(claim.key):
        # Whatever is pushed meanwhile joins this mark: one fetch for all of it.
        return Again(wait_s, claim.why, wait_s, background=claim.background, hints=claim.hints)
    async with claim.held():
        mirrors, answering = await asyncio.gather(_fetched(claim, applications, parts), _answering(applications, parts))
        found: sources.Found = {}
        effects = [
            await _effect(application, claim, mirrors, found, parts)
            if application.limit_group in answering
            else _untold(application)
            for application in applications
        ]
        companions = together(effects)
        await parts.queue.mark([_mark(found, claim, companions) for found in effects if found.concerned])
        again = await _lag(claim, mirrors.values())
    parts.revisions.move(effects)
    log.info("repository refreshed", repository=claim.key, concerned=sum(found.concerned for found in effects))
    return again


async def _fetched(claim: Claim, applications: Iterable[Application], parts: Parts) -> dict[tuple[str, str], Mirror]:
    """By (address, project). One that can't be fetched is left to the runs of its applications, which say why."""
    found = {}
    for url, project in sources.addresses(applications, claim.key):
        try:
            mirror = await parts.mirrors.at(url, project=project)
            metrics.FETCHES.inc()
            await mirror.refresh()
            found[url, project] = mirror
            if claim.why == "poll":
                await mirror.tidy()  # every fetch leaves a pack; few of them are left alone
        except StageError as error:
            log.warning("repository not fetched", repository=claim.key, error=error.message)
    return found


async def _effect(
    application: Application,
    claim: Claim,
    mirrors: Mapping[tuple[str, str], Mirror],
    found: sources.Found,
    parts: Parts,
) -> Effect:
    """Whether the new revision concerns an application."""
    try:
        if not mirrors.keys() >= set(sources.addresses([application], claim.key)):
            return _untold(application)
        at = await sources.aim_at_mirror(wanted(application), parts, found)
    except StageError:
        return _untold(application)
    return effect(application, at.aim)


async def _answering(applications: Iterable[Application], parts: Parts) -> frozenset[str]:
    """Limit groups of the clusters that answer: which kinds a cluster serves is part of what rendering reads.

    Whoever deploys elsewhere must not wait until a silent one is given up.
    """
    places = {application.limit_group: application for application in applications}
    answers = [parts.clusters.answers(one.destination) for one in places.values()]
    answered = await asyncio.gather(*answers)
    return frozenset(group for group, answer in zip(places, answered, strict=True) if answer)


def _untold(application: Application) -> Effect:
    """What can't be told here is left to the application's own run."""
    return Effect(application, (), concerned=True, new_key=False)


def _mark(found: Effect, claim: Claim, companions: Mapping[str, str]) -> Mark:
    hints = {name: claim.hints[name] for name in FROM_PUSH if name in claim.hints}
    application = found.application
    hints["together"] = companions[application.destination.key]
    return Mark(
        "application",
        application.key,
        "push",
        ends_backoff=found.new_key,
        group=application.limit_groups,
        hints={**hints, "revisions": ",".join(found.revisions)},
    )


async def _lag(claim: Claim, mirrors: Iterable[Mirror]) -> Again | None:
    """Look again while no address has what was pushed: the tip is neither `after` nor a descendant of it."""
    after, ref = claim.hints.get("after", ""), claim.hints.get("ref", "")
    looks = int(claim.hints.get("looks") or 0)
    if not after or not ref.startswith("refs/heads/") or looks >= len(LAG_WAITS_S):
        return None
    for mirror in mirrors:
        tip = mirror.latest.refs.get(ref, "") if mirror.latest else ""
        deleted = not after.strip("0") and not tip
        if deleted or after == tip or (tip and await mirror.is_ancestor(after, tip)):
            return None
    return Again(in_s=LAG_WAITS_S[looks], why="push", hints={**claim.hints, "looks": str(looks + 1)})
