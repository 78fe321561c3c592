import asyncio
from typing import Any

import pytest

from jobs.core.question import Question
from jobs.enqueue import Claim, Queue
from jobs.marks import Inspection
from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Client
from tests.receiver.test_api import LIST, _ada, call

__all__ = ["_ada"]


async def the_question(queue: Queue) -> Claim:
    async with asyncio.timeout(5):
        while (claim := await queue.claim()) is None:
            await asyncio.sleep(0.005)
    return claim


@pytest.mark.parametrize("question", Question)
async def test_a_worker_is_asked_and_its_answer_handed_on(
    question: Question, client: Client, api: ApiServer, queue: Queue
) -> None:
    api.application("shop")
    waiting = asyncio.create_task(call(client, f"{LIST}/shop/{question}"))
    asked = Inspection.of(await the_question(queue))
    assert (asked.kind, asked.key, asked.request) == ("application", "pilothouse/shop", question)
    await queue.answer(asked.reply, b'{"items": []}')
    assert await waiting == (200, {"items": []})


async def test_what_the_worker_could_not_tell_is_422_in_its_own_words(
    client: Client, api: ApiServer, queue: Queue
) -> None:
    api.application("shop")
    waiting = asyncio.create_task(call(client, f"{LIST}/shop/manifests"))
    claim = await the_question(queue)
    await queue.answer(claim.key, b'{"error":"values.yaml: line 3","condition":"ComparisonError"}')
    status, problem = await waiting
    assert (status, problem["detail"]) == (422, "values.yaml: line 3")


async def test_no_worker_means_504(client: Client, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.live.ANSWER_TIMEOUT_S", 0.1)
    api.application("shop")
    status, problem = await call(client, f"{LIST}/shop/resource-tree")
    assert (status, problem["title"]) == (504, "No answer")
    assert (await call(client, f"{LIST}/none/resource-tree"))[0] == 404


@pytest.mark.parametrize("question", Question)
async def test_nobody_is_asked_by_a_stranger(question: Question, client: Client, api: ApiServer, queue: Queue) -> None:
    api.application("shop")
    api.user("stranger", "s", "list", "sync")
    headers: Any = {"Authorization": "Bearer stranger"}
    async with client.get(f"{LIST}/shop/{question}", headers=headers) as answer:
        assert answer.status == 403
    assert await queue.claim() is None
