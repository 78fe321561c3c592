"""What the watches of one cluster heard, until it is judged: events of an application wait while it is being deployed.

About half of the events of our own writes come before the API server's answer. Whoever deploys an application notes
how everything is before its claim ends; judged after that, our own writes tell nothing new. Rules: core/judged.py.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from jobs import metrics
from jobs.core.errors import KubeError
from jobs.core.judged import UNSURE, Trace, Traces, is_as_judged, is_older, newest, suspicion, trace_of
from jobs.core.objects import ObjectId
from jobs.enqueue import Mark
from jobs.kube import Kube
from jobs.parts import Parts
from jobs.together import together
from jobs.valkey import QueueDown

log = structlog.get_logger()

GATHER_S = 0.005
"""Seconds in which events are gathered: one look at Valkey then serves all of them."""
PARK_S = 0.03
"""Between two looks whether the claims of the waiting ones have ended."""
RETRY_S = 0.5
REMEMBERED = 10_000
NAMED = 3
"""Objects that a log line names."""
PARALLEL = 8
"""Applications whose objects are looked at whole at once."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The last that was heard of one object."""

    trace: Trace
    gone: bool = False
    swept: bool = False
    """Whether a list told of it: then also a change of nothing but its status is looked at, in the background."""
    odd: bool = False
    """Whether it looks like a hook, a copy or a controller's child: then it counts only if it was judged."""


Told = dict[ObjectId, Heard]


@dataclass(slots=True)
class Inbox:
    """Of one cluster, for the worker that leads its watches."""

    kube: Kube
    parts: Parts
    _told: dict[str, Told] = field(default_factory=dict)
    """By Application key."""
    _filled: asyncio.Event = field(default_factory=asyncio.Event)
    _looked: "OrderedDict[ObjectId, Trace]" = field(default_factory=OrderedDict)
    """Objects that were looked at whole, and were as judged."""

    def put(self, key: str, target: ObjectId, heard: Heard) -> None:
        """Take in what was heard of an object of this Application; the newest counts."""
        told = self._told.setdefault(key, {})
        told[target] = _newer(told[target], heard) if target in told else heard
        self._filled.set()

    async def run(self) -> None:
        """Judge what comes in, for ever."""
        while True:
            await self._filled.wait()
            await asyncio.sleep(GATHER_S)
            self._filled.clear()
            told, self._told = self._told, {}
            try:
                parked = await self._judge(told)
            except QueueDown as error:
                log.warning("events not judged yet", error=error.message)
                parked = told
                await asyncio.sleep(RETRY_S)
            if parked:
                self._put_back(parked)
                await asyncio.sleep(PARK_S)

    def _put_back(self, parked: Mapping[str, Told]) -> None:
        for key, told in parked.items():
            since = self._told.get(key, {})
            both = {target: _newer(told[target], since[target]) for target in told.keys() & since.keys()}
            self._told[key] = {**told, **since, **both}
        self._filled.set()

    async def _judge(self, told: Mapping[str, Told]) -> dict[str, Told]:
        """Mark the applications of which something of ours changed; what must wait. Raises QueueDown."""
        busy = await self.parts.queue.running("application", list(told))
        free = [key for key in told if key not in busy]
        judged = await self.parts.judgements.read(free, self.kube.server)
        marks = await together((self._mark(key, told[key], judged.get(key)) for key in free), at_once=PARALLEL)
        await self.parts.queue.mark([mark for mark in marks if mark])
        return {key: told[key] for key in busy}

    async def _mark(self, key: str, told: Told, judged: Traces | None) -> Mark | None:
        reasons = {target: why for target, heard in told.items() if (why := await self._why(target, heard, judged))}
        moved = any(_moved(heard, (judged or {}).get(target)) for target, heard in told.items())
        _count("drift", len(reasons))
        _count("nothing", len(told) - len(reasons))
        group = self.parts.view.limit_groups(key)
        if reasons:
            log.info("drift suspected", application=key, objects=_words(reasons), more=max(0, len(reasons) - NAMED))
            return Mark("application", key, "drift", group=group, hints={"fresh": "true"})
        return Mark("application", key, "sweep", background=True, group=group) if moved else None

    async def _why(self, target: ObjectId, heard: Heard, judged: Traces | None) -> str:
        """judged: None: nothing is known of the Application, as after a wipe of Valkey."""
        known = (judged or {}).get(target)
        if known is None:
            return "" if heard.odd and judged is not None else suspicion(known, heard.trace, gone=heard.gone)
        known = newest(known, self._looked.get(target))
        why = suspicion(known, heard.trace, gone=heard.gone)
        return "" if why in UNSURE and await self._is_as_judged(target, known) else why

    async def _is_as_judged(self, target: ObjectId, known: Trace) -> bool:
        try:
            resource = await self.kube.api_resource(target.group, target.kind)
            live = await self.kube.get(resource, target.namespace, target.name)
        except KubeError:
            return False  # the comparison says what is wrong
        if live is None or not is_as_judged(known, trace_of(live)):
            return False
        self._looked[target] = trace_of(live)
        while len(self._looked) > REMEMBERED:
            self._looked.popitem(last=False)
        return True


def _newer(first: Heard, second: Heard) -> Heard:
    """Of two that were heard in this order: a list may be older than the event before it."""
    return first if is_older(second.trace, first.trace) else second


def _moved(heard: Heard, judged: Trace | None) -> bool:
    return heard.swept and judged is not None and heard.trace.version != judged.version


def _count(meaning: str, number: int) -> None:
    if number:
        metrics.EVENTS.labels(meaning).inc(number)


def _words(reasons: Mapping[ObjectId, str]) -> Iterable[str]:
    return [f"{target}: {why}" for target, why in list(reasons.items())[:NAMED]]
