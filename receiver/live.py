"""What only a worker can tell of an Application: its objects live and wanted, what grew from them, its Events.

The receiver sees no workloads and no Git. A worker's answer is masked, and handed on as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from jobs.core.question import Question
from receiver.asked import One
from receiver.desk import TIMEOUT_S, Desk, Queue, limit_groups
from receiver.errors import NoAnswer, Unanswerable

ANSWER_TIMEOUT_S = 10.0


class Live:
    """The handlers and what they work with."""

    def __init__(self, desk: Desk, queue: Queue) -> None:
        self._desk, self._queue = desk, queue

    def of(self, question: Question) -> Callable[[web.Request], Awaitable[web.Response]]:
        """The handler that asks a worker this. NoAnswer after 10 s; Unanswerable with the worker's reason."""

        async def ask(request: web.Request) -> web.Response:
            async with asyncio.timeout(TIMEOUT_S):
                asked = await self._desk.one(request, One, "get")
                group = limit_groups(await self._desk.found(asked))
            found = await self._queue.ask("application", asked.key, question, ANSWER_TIMEOUT_S, group=group)
            if found is None:
                raise NoAnswer(f"no worker answered within {ANSWER_TIMEOUT_S:g} s")
            if found.startswith(b'{"error":'):
                raise Unanswerable(str(orjson.loads(found)["error"]))
            return web.Response(body=found, content_type="application/json")

        return ask
