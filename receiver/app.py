"""The only wiring of the receiver: what it is connected to, its routes, what runs beside them, and how it ends."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
from aiohttp import web

from jobs.core.errors import NotFound, Unreachable
from jobs.enqueue import Queue
from jobs.kube import Kube
from jobs.store import Applications
from receiver import bodies, problems
from receiver.access import Access
from receiver.api import Api
from receiver.desk import Desk
from receiver.edits import Edits
from receiver.feed import Feed
from receiver.live import Live
from receiver.metrics import Metrics
from receiver.operations import Operations
from receiver.probes import Probes
from receiver.remembered import Remembered
from receiver.routes import Handlers, add_routes
from receiver.secret_reader import SecretReader
from receiver.settings import ReceiverSettings
from receiver.stream import Stream
from receiver.webhook import Webhook
from receiver.webhook_secrets import Data

log = structlog.get_logger()


async def build_app(settings: ReceiverSettings) -> web.Application:
    """The receiver, connected and ready to be served; it closes its connections when it is cleaned up.

    Neither Valkey nor the API server has to answer for it to start. Raises SettingsError.
    """
    kube, nobody = await Kube.connect(settings), await Kube.nobody(settings)
    queue, metrics = Queue.of(settings), Metrics()
    remembered, applications = Remembered(queue.mark), Applications(kube)
    metrics.remembered.set_function(lambda: len(remembered))
    secrets = SecretReader(settings.own_secrets, lambda name: _secret(kube, settings.home, name))

    web_app = _bare(settings, metrics)
    desk = Desk(settings.namespaces, Access(kube, nobody), applications)
    feed = Feed(settings.namespaces, applications.follow)
    metrics.streams.set_function(lambda: len(feed))
    handlers = Handlers(
        webhook=Webhook(settings, queue, secrets, remembered, metrics),
        api=Api(desk, queue),
        edits=Edits(desk),
        operations=Operations(desk, queue),
        live=Live(desk, queue),
        stream=Stream(desk, feed),
        probes=Probes({"valkey": queue.state, "kubernetes": lambda: kube.request("GET", "/version")}, metrics),
    )
    add_routes(web_app, handlers)

    async def close_streams(_: web.Application) -> None:
        feed.close()  # before the server waits for its requests: these would never end

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        await secrets.refresh()
        works = (secrets.keep_reading, remembered.keep_trying, feed.keep_following)
        tasks = [*map(asyncio.create_task, map(_for_ever, works))]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not await remembered.try_once():
            log.error("the queue is still away: remembered marks are lost", marks=len(remembered))
        await queue.close()
        await asyncio.gather(kube.close(), nobody.close())

    web_app.on_shutdown.append(close_streams)
    web_app.cleanup_ctx.append(lifetime)
    return web_app


def _bare(settings: ReceiverSettings, metrics: Metrics) -> web.Application:
    """What holds for every route."""
    # aiohttp refuses from this size on; a body of exactly the limit is allowed.
    web_app = web.Application(
        client_max_size=settings.max_body_bytes + 1, middlewares=[problems.middleware(metrics), bodies.middleware()]
    )
    web_app[bodies.BODIES] = bodies.Bodies()
    return web_app


async def _secret(kube: Kube, namespace: str, name: str) -> Data:
    """A Secret's data; empty if there is none. Raises KubeError."""
    try:
        found = await kube.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    except NotFound:
        return {}
    try:
        return {key: base64.b64decode(value, validate=True) for key, value in (found.get("data") or {}).items()}
    except (binascii.Error, AttributeError, TypeError, ValueError):
        raise Unreachable(f"Secret {name}: the answer is not the API server's") from None


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """Start the work again should a bug end it: without it the receiver would slowly go deaf."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("background work failed; started again")
        await asyncio.sleep(1.0)
