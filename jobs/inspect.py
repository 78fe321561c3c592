"""Answers the API's questions about live objects, which the receiver may not read itself; Secrets masked, always."""

import orjson
import structlog

from jobs import compare, sources
from jobs.claim import Again, Claim
from jobs.core.application import application_of
from jobs.core.errors import StageError
from jobs.core.run import resumed
from jobs.core.shown import managed_resources
from jobs.core.wanted import wanted
from jobs.enqueue import Inspection
from jobs.parts import Parts

log = structlog.get_logger()


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


async def _answered(question: Inspection, claim: Claim, parts: Parts) -> dict[str, object]:
    namespace, _, name = question.key.partition("/")
    body = await parts.applications.get(namespace, name)
    if body is None or question.request != "managed-resources":
        return {"error": f"there is nothing to say about {question.request} of {question.key}"}
    application = wanted(application_of(body))
    found = await sources.aim_at_mirror(application, parts)
    run = resumed(application, found.aim, claim.token, parts.now())
    compared = await compare.compare(application, run, found, claim, parts)
    return {"items": managed_resources(compared.plan), "warnings": [*compared.warnings, *compared.plan.refusals]}
