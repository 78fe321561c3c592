"""A worker process whose handler only notes what it does: `python -m tests.jobs.a_worker`, to be stopped and killed."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvloop
from redis.asyncio import Redis
from redis.exceptions import RedisError

from jobs.claim import Again, Claim
from jobs.enqueue import Mark, Queue
from jobs.logs import configure
from jobs.settings import Settings, read
from jobs.work import Work
from jobs.worker import arq_settings, run_worker

NOTES = "notes"


@asynccontextmanager
async def build(settings: Settings, queue: Queue) -> AsyncIterator[Work]:
    """hints: `work_s` how long it takes; `bug`: it fails. Notes: `begin KEY`, `end KEY`, `everything`, `sweep`."""
    client = Redis.from_url(settings.redis_url.get_secret_value())

    async def note(text: str) -> None:
        await client.rpush(NOTES, text)

    async def handle(claim: Claim) -> Again | None:
        await note(f"begin {claim.key} {os.getpid()}")
        if claim.hints.get("bug"):
            raise RuntimeError("a bug")
        await asyncio.sleep(float(claim.hints.get("work_s", 0)))
        await note(f"end {claim.key} {os.getpid()}")
        return None

    async def mark_everything() -> None:
        await note("everything")
        await queue.mark(Mark("application", "apps/everything", "start", background=True))

    try:
        if pause := os.environ.get("A_WORKER_START_S"):
            await note("starting")
            await asyncio.sleep(float(pause))
        handlers = {"application": handle, "repository": handle}
        yield Work(handlers, sweep=lambda: note("sweep"), mark_everything=mark_everything)
    finally:
        with suppress(RedisError):
            await note("closed")
        await client.aclose()


def __getattr__(name: str) -> Any:
    """For arq's own command, as in jobs/worker.py."""
    if name != "WorkerSettings":
        raise AttributeError(name)
    return arq_settings(read(Settings), build)


if __name__ == "__main__":
    configure("info")
    uvloop.run(run_worker(read(Settings), build))
