"""Answers the API's questions about live objects, which the receiver may not read itself; Secrets masked, always."""

from collections.abc import Awaitable, Callable, Mapping

import orjson
import structlog

from jobs import compare, sources
from jobs.claim import Again, Claim
from jobs.core.application import Application, application_of
from jobs.core.errors import StageError
from jobs.core.family import resource_tree
from jobs.core.inventory import Owner, owned_by
from jobs.core.kinds import kinds_of
from jobs.core.question import Question
from jobs.core.run import resumed
from jobs.core.shown import events, managed_resources, manifests
from jobs.core.wanted import wanted
from jobs.enqueue import Inspection
from jobs.grown import grown
from jobs.observe import labelled
from jobs.parts import Parts

log = structlog.get_logger()

Answer = dict[str, object]


async def inspect_claim(claim: Claim, parts: Parts) -> Again | None:
    """Answer one question under its reply key. A failure is an answer too: `{"error": ...}` with its sentence."""
    question = Inspection.of(claim)
    async with claim.held():
        try:
            answer = await _answered(question, claim, parts)
        except StageError as error:
            log.info("question not answered", application=question.key, error=error.message)
            answer = {"error": error.message, "condition": error.condition}
        await parts.queue.answer(question.reply, orjson.dumps(answer))
    return None


async def _answered(question: Inspection, claim: Claim, parts: Parts) -> Answer:
    namespace, _, name = question.key.partition("/")
    body = await parts.applications.get(namespace, name)
    answer = ANSWERS.get(question.request)
    if body is None or answer is None:
        return {"error": f"there is nothing to say about {question.request} of {question.key}"}
    return await answer(wanted(application_of(body)), claim, parts)


async def _managed_resources(application: Application, claim: Claim, parts: Parts) -> Answer:
    """Each object live and wanted, and what a sync would do."""
    found = await sources.aim_at_mirror(application, parts)
    run = resumed(application, found.aim, claim.token, parts.now())
    compared = await compare.compare(application, run, found, claim, parts)
    return {"items": managed_resources(compared.plan), "warnings": [*compared.warnings, *compared.plan.refusals]}


async def _manifests(application: Application, claim: Claim, parts: Parts) -> Answer:
    """What the sources say, hooks included, as it would be sent."""
    found = await sources.aim_at_mirror(application, parts)
    run = resumed(application, found.aim, claim.token, parts.now())
    targets = await compare.rendered(application, run, found, claim, parts)
    return {
        "manifests": manifests(targets.manifests),
        "revisions": list(found.aim.revisions),
        "sourceTypes": list(found.types),
        "warnings": list(targets.warnings),
    }


async def _resource_tree(application: Application, _claim: Claim, parts: Parts) -> Answer:
    """What it owns in the cluster and what grew from that: Git is not asked, so a broken chart hides nothing."""
    reached = await parts.clusters.at(application.destination, application.project)
    kube, scope = reached.kube, reached.cluster.scope
    owner = Owner(parts.settings.installation, application.namespace, application.name)
    live, incomplete = await labelled(owner, kinds_of(application.annotations), {}, kube, scope)
    owned = [body for body in live.values() if owned_by(body, owner)]
    others, problems = await grown((target.namespace for target in live if target.namespace), kube)
    nodes = resource_tree(owned, others, application.status.get("resources"))
    return {"nodes": nodes, "warnings": [*incomplete, *problems]}


async def _events(application: Application, _claim: Claim, parts: Parts) -> Answer:
    """What was told of the Application, oldest first."""
    return {"items": events(await parts.events.about(application))}


ANSWERS: Mapping[str, Callable[[Application, Claim, Parts], Awaitable[Answer]]] = {
    Question.MANAGED_RESOURCES: _managed_resources,
    Question.MANIFESTS: _manifests,
    Question.RESOURCE_TREE: _resource_tree,
    Question.EVENTS: _events,
}
