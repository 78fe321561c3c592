"""/healthz, /readyz, /metrics, /api/version: for kubelet, Prometheus and people; open to all, so nothing secret."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from jobs.core.errors import StageError
from receiver.metrics import Metrics

CHECK_TIMEOUT_S = 2.0

Check = Callable[[], Awaitable[object]]


class Probes:
    """The four handlers."""

    def __init__(self, checks: Mapping[str, Check], metrics: Metrics) -> None:
        """checks: what must answer for this process to be of use, by name."""
        self._checks, self._metrics = checks, metrics

    async def healthz(self, request: web.Request) -> web.Response:
        """The process answers: 200."""
        return web.json_response({"status": "ok"})

    async def readyz(self, request: web.Request) -> web.Response:
        """200 if all it stands on answers, else 503 with which does not."""
        answers = await asyncio.gather(*(_answers(check) for check in self._checks.values()))
        parts = dict(zip(self._checks, ("ok" if good else "no answer" for good in answers), strict=True))
        good = all(answers)
        return web.json_response({"status": "ok" if good else "not ready", **parts}, status=200 if good else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus' text format; rendered in a thread."""
        text = await asyncio.to_thread(self._metrics.text)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def version(self, request: web.Request) -> web.Response:
        """The version of Pilothouse, under the field name that Argo CD's API has."""
        return web.json_response({"Version": version("pilothouse")})


async def _answers(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except (StageError, OSError, TimeoutError):
        return False
    return True
