"""python -m receiver: read the settings, build, serve until SIGTERM or SIGINT."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
import uvloop
from aiohttp import web

from jobs.logs import configure
from jobs.settings import SettingsError, read
from receiver.app import build_app
from receiver.bodies import BODIES
from receiver.settings import ReceiverSettings

log = structlog.get_logger()

RequestHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

KEEPALIVE_S = 75.0
"""More than a load balancer's idle time; it also limits how slowly a header may drip in."""
SHUTDOWN_S = 20.0
"""For requests under way to end, in seconds."""


async def runner_of(settings: ReceiverSettings) -> web.AppRunner:
    """The receiver with the limits of its connections, not yet listening."""
    runner = web.AppRunner(
        await build_app(settings),
        access_log=None,  # access lines would hold what callers send; deliveries and requests are counted and logged
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
    )
    await runner.setup()
    server = runner.server
    assert server is not None
    server.request_handler = _strict(server.request_handler)
    return runner


def _strict(handle: RequestHandler) -> RequestHandler:
    """Refuse an expectation that is none (https://www.rfc-editor.org/rfc/rfc9110#field.expect) before aiohttp does.

    It repeats the text in its refusal, and ends in a 500 if that is not UTF-8.
    """

    async def strict(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            return web.Response(status=417)
        return await handle(request)

    return strict


async def serve(settings: ReceiverSettings) -> None:
    """Serve until a signal comes; then take nothing new, let what is under way end, and close."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = await runner_of(settings)
    try:
        host, port = settings.address
        await web.TCPSite(runner, host or None, port).start()
        log.info("receiver listens", addresses=[f"{address[0]}:{address[1]}" for address in runner.addresses])
        await stop.wait()
        log.info("receiver stops")
        for site in tuple(runner.sites):
            await site.stop()
        # aiohttp takes not a byte more once it cleans up: a push of which half is here would be lost.
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_S):
                await runner.app[BODIES].all_read()
    finally:
        await runner.cleanup()


def main() -> int:
    """Exit codes: 0 stopped by a signal, 2 a setting is wrong or the address is taken."""
    try:
        settings = read(ReceiverSettings)
    except SettingsError as error:
        sys.stderr.write(f"pilothouse receiver: {error}\n")
        return 2
    configure(settings.log_level)
    # It quotes requests that are no HTTP: anybody could fill the log, and a broken header may hold a token.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    try:
        uvloop.run(serve(settings))
    except (SettingsError, OSError) as error:
        log.error("receiver cannot start", error=str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
