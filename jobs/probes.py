"""What a worker tells about itself: counters, and /healthz and /metrics over HTTP.

Metrics of the queue are read when they are asked for. No label ever names an application: that would grow without end.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from jobs.marks import QueueState
from jobs.metrics import FLOW
from jobs.settings import SettingsError
from jobs.valkey import QueueDown

STUCK_S = 30.0
"""A worker whose clock has not ticked for so long does nothing any more, in seconds."""


class HasState(Protocol):
    """The part of the queue that metrics need."""

    async def state(self) -> QueueState:
        """The queue now; raises QueueDown."""


class Metrics:
    """The counters of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.runs = Counter(
            "pilothouse_runs", "Claims worked on, by outcome", ["kind", "outcome"], registry=self.registry
        )
        self.lost = Counter(
            "pilothouse_claims_lost", "Claims lost before they were done", ["kind"], registry=self.registry
        )
        self.waited = Histogram(
            "pilothouse_claim_wait_seconds",
            "Time from due to claimed",
            ["kind"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )
        self.up = Gauge("pilothouse_queue_up", "1 if Valkey answers", registry=self.registry)
        self.depth = Gauge("pilothouse_queue_depth", "Marks that wait", ["lane"], registry=self.registry)
        self.running = Gauge("pilothouse_queue_running", "Claims of all workers", registry=self.registry)
        self.oldest = Gauge("pilothouse_queue_oldest_seconds", "Age of the first due mark", registry=self.registry)

    async def text(self, queue: HasState) -> bytes:
        """Prometheus' text form, rendered in a thread since it takes a while."""
        try:
            state = await queue.state()
        except QueueDown:
            self.up.set(0)
        else:
            self.up.set(1)
            self.depth.labels("interactive").set(state.interactive)
            self.depth.labels("background").set(state.background)
            self.depth.labels("later").set(state.later)
            self.running.set(state.running)
            self.oldest.set(state.oldest_age_s)
        return await asyncio.to_thread(lambda: generate_latest(self.registry) + generate_latest(FLOW))


@asynccontextmanager
async def serving(
    listen: str, metrics: Metrics, queue: HasState, ticked_at: Callable[[], float]
) -> AsyncIterator[tuple[str, int]]:
    """/healthz and /metrics on `host:port` (port 0: any) while the body runs; yields the real address.

    ticked_at: time.monotonic() of the worker's last sign of life. Raises SettingsError if it can't listen there.
    """

    async def healthz(_: web.Request) -> web.Response:
        # Valkey being away is no reason to restart a worker: it goes on by itself when Valkey is back.
        silent_s = time.monotonic() - ticked_at()
        if silent_s > STUCK_S:
            return web.json_response({"status": "stuck", "silent_s": round(silent_s)}, status=503)
        return web.json_response({"status": "ok"})

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=await metrics.text(queue), headers={"Content-Type": CONTENT_TYPE_LATEST})

    web_app = web.Application()
    web_app.add_routes([web.get("/healthz", healthz), web.get("/metrics", show)])
    runner = web.AppRunner(web_app, access_log=None, keepalive_timeout=75, shutdown_timeout=1)
    host, port = _address(listen)
    await runner.setup()
    try:
        await _listen(web.TCPSite(runner, host, port), listen)
        bound = runner.addresses[0]
        yield bound[0], bound[1]
    finally:
        await runner.cleanup()


async def _listen(site: web.TCPSite, listen: str) -> None:
    try:
        await site.start()
    except OSError as error:
        raise SettingsError(f"PILOTHOUSE_WORKER_LISTEN: can't listen on {listen}: {error.strerror}") from error


def _address(listen: str) -> tuple[str | None, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"PILOTHOUSE_WORKER_LISTEN: {listen!r} is not host:port")
    return host.strip("[]") or None, int(port)  # none: every address
