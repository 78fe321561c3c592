"""The worker process: arq as runner and clock around the dirty queue. Wiring only: build, run, stop, close.

Two ways in: `python -m jobs` (an arq Worker whose poll ends at a wake-up) and `arq jobs.worker.WorkerSettings` (polls
twice a second). Both work the same queue off; no arq job carries any work.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from arq import cron, func
from arq.worker import Worker
from redis.exceptions import RedisError

from jobs.enqueue import ARQ_QUEUE, DESERIALIZER, JOB, SERIALIZER, Queue, arq_client
from jobs.probes import Metrics, serving
from jobs.runner import Runner
from jobs.settings import Settings, read
from jobs.ticker import Ticker
from jobs.valkey import Subscription
from jobs.work import Build

FALLBACK_POLL_S = 0.5
GRACE_S = 20.0
"""Seconds that runs get to end after SIGTERM; the chart's terminationGracePeriodSeconds must be longer."""
SWEEP_EVERY_S = 1
SWEEP_TIMEOUT_S = 60
CANCELS, CANCEL_WAIT_S = 3, 2.0
JOB_TIMEOUT_S = 3600
EXTRA_JOBS = 8
"""arq jobs beyond the number of runs: those that find every slot busy end at once."""

log = structlog.get_logger()


class Process:
    """The inside of one worker, whichever way it was started."""

    def __init__(self, settings: Settings, build: Build) -> None:
        self._settings = settings
        self._build = build
        self._stack = AsyncExitStack()
        self._sweeping = asyncio.Lock()
        self.metrics = Metrics()
        self.ticker: Ticker | None = None

    async def start(self, _: object = None) -> None:
        """Build everything and begin to tick. Raises SettingsError when a setting can't be followed."""
        settings, enter = self._settings, self._stack.enter_async_context
        async with self._stack:
            self.queue = Queue.of(settings)
            self._stack.push_async_callback(self.queue.close)
            await enter(serving(settings.worker_listen, self.metrics, self.queue, self._ticked_at))
            self.work = await enter(self._build(settings, self.queue))
            self.runner = Runner(
                self.queue,
                self.work.handlers,
                concurrency=settings.concurrency,
                metrics=self.metrics,
                limits=self.work.limits,
            )
            self.ticker = ticker = Ticker(self.queue, self.runner, self.work.mark_everything)
            self.wake_ups = self.queue.wake_ups()
            await enter(running({"ticker": ticker.run, "wake-ups": self.wake_ups.listen, **self.work.tasks}))
            self._stack = self._stack.pop_all()

    async def stop(self, _: object = None) -> None:
        """Hand back what still runs, end the tasks and close everything."""
        await self.runner.cancel()
        await self._stack.aclose()

    def _ticked_at(self) -> float:
        """A worker that still starts is alive; a start that takes for ever is the start-up probe's business."""
        return self.ticker.ticked_at if self.ticker else time.monotonic()

    async def run_until_empty(self, _: object = None) -> None:
        """The arq job."""
        await self.runner.run_until_empty()

    async def sweep(self, _: object = None) -> None:
        """The arq cron job; one at a time, since a slow one would be started again beside itself."""
        if self.work.sweep is not None and not self._sweeping.locked():
            async with self._sweeping:
                await self.work.sweep()

    def arq_settings(self, *, retries: int) -> dict[str, Any]:
        """What arq's Worker takes. keep_result, max_tries, health check: arq's own defaults lose or hide jobs."""
        run: Any = self.run_until_empty
        sweep: Any = self.sweep
        seconds = set(range(0, 60, SWEEP_EVERY_S))
        return {
            "functions": [func(run, name=JOB, keep_result=0, timeout=JOB_TIMEOUT_S)],
            "cron_jobs": [cron(sweep, name="sweep", second=seconds, keep_result=0, timeout=SWEEP_TIMEOUT_S)],
            "redis_pool": arq_client(self._settings.redis_url, connections=64, retries=retries),
            "job_serializer": SERIALIZER,
            "job_deserializer": DESERIALIZER,
            "queue_name": ARQ_QUEUE,
            "max_jobs": self._settings.concurrency + EXTRA_JOBS,
            "job_timeout": JOB_TIMEOUT_S,
            "keep_result": 0,
            "max_tries": 1_000_000,
            "health_check_interval": 10,
            "poll_delay": FALLBACK_POLL_S,
        }


class WakingWorker(Worker):
    """arq's Worker, but its wait ends at a wake-up, and a Valkey that is away does not end the process."""

    wake_ups: Subscription

    async def main(self) -> None:
        """Poll for ever."""
        pause = 0.05
        while True:
            try:
                await self._poll_iteration()
            except (RedisError, OSError) as error:
                log.warning("poll failed", error=type(error).__name__)
                await self._forget_failed_starts()
                await asyncio.sleep(pause)
                pause = min(2 * pause, 2.0)
            else:
                pause = 0.05
                await self.wake_ups.wait(FALLBACK_POLL_S)

    async def _forget_failed_starts(self) -> None:
        """arq counts a job before it asks Valkey for it and does not count back when that fails: it would run dry."""
        await asyncio.sleep(0)  # what ended by itself counts itself back first
        under_way = sum(not task.done() for task in self.tasks.values())
        while self.job_counter > under_way:
            self._release_sem_dec_counter_on_complete()


@asynccontextmanager
async def running(tasks: Mapping[str, Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
    """Run these while the body does; one that ends is started again, a failing one later each time."""
    started = [asyncio.create_task(_for_ever(name, task)) for name, task in tasks.items()]
    try:
        yield
    finally:
        await _end(started)


async def _for_ever(name: str, task: Callable[[], Awaitable[None]]) -> None:
    clock, pause = asyncio.get_running_loop().time, 0.5
    while True:
        began = clock()
        try:
            await task()
        except Exception:
            log.exception("task failed by a bug, starting it again", task=name)
        pause = 0.5 if clock() - began > 60 else min(2 * pause, 30.0)
        await asyncio.sleep(pause)


async def run_worker(settings: Settings, build: Build, *, grace_s: float = GRACE_S) -> None:
    """Work until SIGTERM or SIGINT: then claim nothing more, give the runs `grace_s`, hand the rest back, return.

    A second signal ends the grace. Raises SettingsError when the worker can't be built.
    """
    logging.getLogger("arq").setLevel(logging.WARNING)  # two lines for each wake-up otherwise
    stop, hurry = asyncio.Event(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, lambda: (hurry if stop.is_set() else stop).set())
    process = Process(settings, build)
    starting = asyncio.ensure_future(process.start())
    await _first(starting, stop.wait())
    if starting.cancelled():
        return
    worker = WakingWorker(**process.arq_settings(retries=2), handle_signals=False)
    worker.wake_ups = process.wake_ups
    polling = asyncio.create_task(worker.main())
    log.info("worker started")
    try:
        await _first(polling, stop.wait())
        process.runner.stop()
        log.info("worker stopping")
        await _first(process.runner.finished(grace_s), hurry.wait())
    finally:
        await process.stop()
        await _close_arq(polling, worker)
    log.info("worker stopped")


async def _first(*waits: Awaitable[object]) -> None:
    """Until one of them ends; the others are cancelled. Raises what it raised."""
    done, others = await asyncio.wait(map(asyncio.ensure_future, waits), return_when=asyncio.FIRST_COMPLETED)
    await _end(others)
    for task in done:
        task.result()


async def _end(tasks: Iterable["asyncio.Future[Any]"]) -> None:
    """Cancel until they end: libraries swallow a cancellation now and then, and a worker must stop when told to."""
    left = set(tasks)
    for _ in range(CANCELS):
        for task in left:
            task.cancel()
        if left:
            _, left = await asyncio.wait(left, timeout=CANCEL_WAIT_S)
    if left:
        log.warning("tasks do not end", count=len(left))


async def _close_arq(polling: "asyncio.Task[None]", worker: Worker) -> None:
    await _end([polling, *worker.tasks.values()])
    with contextlib.suppress(RedisError, OSError):
        await worker.pool.aclose(close_connection_pool=True)


def arq_settings(settings: Settings, build: Build) -> dict[str, Any]:
    """For arq's own command: the same worker without the wake-ups, and it ends when Valkey is away for long."""
    process = Process(settings, build)
    hooks = {"on_startup": process.start, "on_shutdown": process.stop, "job_completion_wait": int(GRACE_S)}
    return process.arq_settings(retries=30) | hooks


def __getattr__(name: str) -> Any:
    """`WorkerSettings`, made when arq's own command asks for it: importing this file must not read the environment."""
    if name != "WorkerSettings":
        raise AttributeError(name)
    from jobs.wiring import build  # everything a worker works with: not needed to run another one's work

    return arq_settings(read(Settings), build)
