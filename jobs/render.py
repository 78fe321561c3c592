"""The parent side of rendering: a pool of sandboxed processes, their time limit, and what their deaths mean.

Nothing a chart says is looked at here before a renderer has turned it into objects; Helm's library is never loaded.
"""

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pebble import ProcessExpired, ProcessPool
from pebble.common.types import CONSTS

from jobs import renderer_main
from jobs.core.errors import RenderError
from jobs.core.objects import manifest_of
from jobs.core.render_limits import RenderLimits, crash_message, timeout_message
from jobs.core.render_request import Rendered, RenderRequest, without_repeats
from jobs.render_cache import AnswerCache
from jobs.render_spawn import slim_context
from jobs.renderer_sandbox import Confinement
from jobs.settings import Settings

T = TypeVar("T")

MAX_TASKS = 1000
"""Renders of one process before it is replaced."""
START_TIMEOUT_S = 60.0
KILL_AFTER_S = 0.2
"""Seconds between SIGTERM, which Go code never answers, and SIGKILL."""
BINARY_GRACE_S = 2.0
"""Seconds a renderer has to end a `helm` program that hit the time limit."""
LARGE = 1 << 20
"""Bytes from which JSON is parsed in a thread, so that the loop goes on."""
LAST_WORDS = 4096
"""Bytes read of what a dead renderer wrote to stderr."""


class Renderers:
    """A pool of renderer processes. A render that dies takes nobody with it: the pool lives on."""

    def __init__(self, settings: Settings) -> None:
        self._limits = RenderLimits(
            memory_mb=settings.render_memory_mb,
            timeout_s=settings.render_timeout_s,
            helm_binary=str(settings.helm_binary or ""),
        )
        self._count = settings.renderers
        self._cache = AnswerCache()
        self._pool: Any = None
        """A ProcessPool; its own types are incomplete."""
        self._scratch = ""
        self.network_taken = False
        """Whether the renderers have no network; False only on machines jobs/renderer_sandbox.py has no filter for."""

    async def start(self) -> None:
        """Start the processes and wait until one can render. Raises RenderError saying why none can."""
        CONSTS.term_timeout = KILL_AFTER_S
        self._scratch = tempfile.mkdtemp(prefix="pilothouse-render-")
        self._pool = self._new_pool()
        try:
            state = await self.run(renderer_main.ready, timeout_s=START_TIMEOUT_S)
        except (OSError, TimeoutError, RenderError) as error:
            state = {"problem": f"{error or 'no answer'}"}
        if "problem" in state:
            await self.close()
            limit = f"{self._limits.memory_mb} MB (PILOTHOUSE_RENDER_MEMORY_MB)"
            raise RenderError(f"no renderer can start within {limit}: {state['problem']}")
        self.network_taken = state["network"] == "no"

    async def close(self) -> None:
        """End the processes; renders that still run are given up."""
        if self._pool is not None:
            self._pool.stop()
            await asyncio.to_thread(self._pool.join)
            self._pool = None
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)

    def known(self, key: str) -> Rendered | None:
        """An earlier answer to the same source key; None: it must be rendered."""
        answer = self._cache.get(key)
        return None if answer is None else _rendered(answer)

    async def render(self, request: RenderRequest) -> Rendered:
        """The manifests of a request. Raises InvalidSpecError, or RenderError with Helm's words or the limit hit."""
        answer = self._cache.get(request.key)
        if answer is None:
            answer = await self._answer(request)
        rendered = await asyncio.to_thread(_rendered, answer) if len(answer) > LARGE else _rendered(answer)
        self._cache.put(request.key, answer)
        return rendered

    async def _answer(self, request: RenderRequest) -> bytes:
        grace = BINARY_GRACE_S if self._limits.helm_binary else 0.0
        try:
            return await self.run(renderer_main.render, request, timeout_s=self._limits.timeout_s + grace)
        except TimeoutError:
            raise RenderError(timeout_message(self._limits.timeout_s)) from None
        except ProcessExpired as error:
            words = await asyncio.to_thread(self._last_words, error.pid)
            raise RenderError(crash_message(words, error.exitcode, self._limits)) from None

    async def run(self, function: Callable[..., T], *args: Any, timeout_s: float) -> T:
        """Run a function of renderer_main.py in the pool; cancelling it kills the process that runs it.

        Raises TimeoutError or ProcessExpired when that process had to be killed or died, RenderError without a pool.
        """
        for last in (False, True):
            pool = self._pool
            if pool is None:
                raise RenderError("the renderers are not running")
            try:
                return await asyncio.wrap_future(pool.schedule(function, args=args, timeout=timeout_s))
            except (BrokenExecutor, RuntimeError):
                # A process that dies while idle (an out-of-memory killer) ends the whole pool in pebble.
                if last:
                    raise RenderError("the renderer processes die as soon as they start") from None
                self._replace(pool)
        raise AssertionError("the second try raises or returns")

    def _replace(self, broken: Any) -> None:
        """A new pool, unless another render has made one already."""
        if self._pool is broken:
            broken.stop()
            threading.Thread(target=broken.join, daemon=True).start()
            self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPool:
        confinement = Confinement(parent=os.getpid(), scratch=self._scratch, memory_mb=self._limits.memory_mb)
        return ProcessPool(
            max_workers=self._count,
            max_tasks=MAX_TASKS,
            initializer=renderer_main.prepare,
            initargs=(confinement, self._limits),
            context=slim_context(),
        )

    def _last_words(self, pid: int | None) -> str:
        """The start of what a dead process wrote to stderr; the file goes."""
        path = Path(self._scratch) / f"{pid}.err"
        try:
            with path.open("rb") as file:
                words = file.read(LAST_WORDS)
            path.unlink()
        except OSError:
            return ""
        return words.decode("utf-8", "replace")


def _rendered(answer: bytes) -> Rendered:
    """An answer as manifests. Raises what the renderer found wrong."""
    content = orjson.loads(answer)
    if "error" in content:
        raise renderer_main.ERRORS[content["stage"]](content["error"])
    return without_repeats(tuple(manifest_of(body, origin) for origin, body in content["objects"]))
