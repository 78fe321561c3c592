"""What a worker does, apart from how it is started and stopped: the shape between the wiring and the process."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from jobs.enqueue import Queue
from jobs.runner import Handler, Limits, no_limits
from jobs.settings import Settings


async def _nothing_to_mark() -> None:
    """A worker without applications has nothing to mark."""


@dataclass(frozen=True)
class Work:
    """What a worker does, apart from how it is started and stopped.

    handlers: kind of claim -> handler. tasks: name -> coroutine function that runs for ever; restarted when it ends.
    sweep: called by arq's cron every second, in one of all workers; finds what is due.
    mark_everything: marks every repository and application, with jitter, when Valkey may have lost marks.
    limits: of the next claim, by what runs already.
    """

    handlers: Mapping[str, Handler]
    tasks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    sweep: Callable[[], Awaitable[None]] | None = None
    mark_everything: Callable[[], Awaitable[None]] = _nothing_to_mark
    limits: Limits = no_limits


Build = Callable[[Settings, Queue], AbstractAsyncContextManager[Work]]
