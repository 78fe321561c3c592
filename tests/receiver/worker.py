"""Plays the worker for one Application, `cart`: answers every question and ends every operation at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import orjson

from jobs.core.question import Question
from jobs.enqueue import Claim, Queue
from jobs.marks import Inspection
from receiver import examples
from tests.receiver.cluster import SPEC, Cluster

NOON = "2026-11-01T12:00:00Z"
STATUS = {
    "history": [{"id": 0, "revision": "c0", "source": SPEC["source"], "deployedAt": NOON}],
    "sync": {"status": "Synced", "comparedTo": {"source": SPEC["source"], "destination": SPEC["destination"]}},
}
ANSWERS = {
    Question.MANAGED_RESOURCES: examples.MANAGED_RESOURCES,
    Question.MANIFESTS: examples.MANIFESTS,
    Question.RESOURCE_TREE: examples.RESOURCE_TREE,
    Question.EVENTS: examples.EVENTS,
}


@contextlib.asynccontextmanager
async def working(cluster: Cluster, queue: Queue) -> AsyncIterator[None]:
    """While the block runs. When `cart` is gone it is made again, so that there is always one to ask about."""
    tasks = [asyncio.create_task(work(cluster, queue)) for work in (_answer, _keep_a_cart)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answer(cluster: Cluster, queue: Queue) -> None:
    while True:
        if claim := await queue.claim():
            await _work_off(claim, cluster, queue)
            await queue.done(claim)
        else:
            await asyncio.sleep(0.01)


async def _work_off(claim: Claim, cluster: Cluster, queue: Queue) -> None:
    if claim.kind == "inspect":
        asked = Inspection.of(claim)
        await queue.answer(asked.reply, orjson.dumps(ANSWERS[Question(asked.request)]))
        return
    live = await cluster.live()
    if live and live.get("operation"):
        result = {"revision": "c0", "resources": []}
        state = {"phase": "Succeeded", "operation": live["operation"], "startedAt": NOON, "syncResult": result}
        change = {"operation": None, "status": {"operationState": state}}
        await cluster.kube("PATCH", cluster.path("cart"), change)


async def _keep_a_cart(cluster: Cluster, _queue: Queue) -> None:
    while True:
        live = await cluster.live()
        if live is None:
            await cluster.application(status=STATUS)
        elif live["metadata"].get("deletionTimestamp"):
            await cluster.kube("PATCH", cluster.path("cart"), {"metadata": {"finalizers": None}})
        await asyncio.sleep(0.05)
