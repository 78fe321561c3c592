"""One deploy during which the worker is killed at a point, another worker, and what must hold when it is over."""

import asyncio
import json
import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from deploy.demo.processes import Child
from jobs.scripts import KEYS
from tests.faults import shop
from tests.faults.proxy import Exchange, Point, Tap
from tests.faults.watched import POLL_S, Watched, kill, kill_now, synced

REACHED_S = 20.0
CONVERGED_S = 30.0
HOOK_RUN = "pilothouse.dev/hook-run"


@dataclass(frozen=True, slots=True)
class Struck:
    """What became of one kill."""

    point: Point
    claimed_back_s: float | None
    """From the kill until somebody had the dead worker's claim; None: it held none."""
    converged_s: float
    """From the kill until the cluster was as Git says and nobody worked any more."""


@dataclass(slots=True)
class Lane:
    """One stage on which deploys are made and killed, one after the other."""

    watched: Watched
    worker: Child
    repository: str = "shop"

    async def first(self, name: str, point: Point) -> Struck:
        """Push the first version, create the Application, and kill the worker at the point."""
        self._aim(name, point)
        pushed = await self.watched.stage.push(self.repository, shop.first(name))
        await self.watched.application(name, self.repository)
        return await self._survived(point, name, pushed.revision, "1")

    async def second(self, name: str, point: Point) -> Struck:
        """Push the second version of an Application that is there, and kill the worker at the point."""
        self._aim(name, point)
        pushed = await self.watched.stage.push(self.repository, shop.second(name))
        return await self._survived(point, name, pushed.revision, "2")

    def _aim(self, name: str, point: Point) -> None:
        async def strike() -> bool:
            kill_now(self.worker)
            return False

        self.watched.tap.strike_at(point.of(name), strike)

    async def _survived(self, point: Point, name: str, revision: str, tag: str) -> Struck:
        """Wait for the kill, start another worker and wait for the end."""
        tap = self.watched.tap
        await reached(tap, point)
        await kill(self.worker)
        dead, held, struck_at = self.worker.name, claims_held(tap, self.worker.name), tap.struck_at or 0.0
        self.worker = await self.watched.start_worker()
        await settled(self.watched, name, revision, tag)
        ended_at = time.monotonic()
        back = [claimed_by_another(tap, key, dead, struck_at) - struck_at for key in held]
        return Struck(point, max(back, default=None), ended_at - struck_at)


async def reached(tap: Tap, point: Point) -> None:
    """Wait until the tap has struck."""
    assert await tap.struck(REACHED_S), f"{point} was never reached"


async def settled(watched: Watched, name: str, revision: str, tag: str, within_s: float = CONVERGED_S) -> None:
    """Wait for the end of a deploy: every promise is checked."""
    cluster, path = watched.stage.cluster, watched.path(name)
    await watched.until(path, synced(revision), within_s)
    await quiet(watched, name)
    differ = await shop.differences(cluster, watched.home, name, tag)
    assert not differ, differ
    assert synced(revision)(await cluster.get(path)), await cluster.get(path)
    runs = hook_runs(watched.tap, name, tag)
    assert runs == dict.fromkeys(shop.HOOKS, 1), runs


def claims_held(tap: Tap, worker: str) -> set[str]:
    """What a worker had claimed and not said DONE for, as Valkey knows it: `application:team/shop`."""
    held: dict[str, str] = {}
    for exchange in tap.log:
        if exchange.worker != worker or exchange.ended_at is None:
            continue
        if key := claimed(exchange):
            held[key] = exchange.label.split()[2]
        elif exchange.label.startswith("DONE ") and b"NOSCRIPT" not in exchange.answer:
            held.pop(exchange.label.split()[1], None)
    return set(held)


def claimed(exchange: Exchange) -> str:
    """What a CLAIM got; empty: nothing, or it was none."""
    found = re.match(rb"\*7\r\n\$\d+\r\n([^\r]+)\r\n", exchange.answer) if exchange.label.startswith("CLAIM ") else None
    return found[1].decode() if found else ""


def claimed_by_another(tap: Tap, key: str, dead: str, after: float) -> float:
    """When another worker had it."""
    claims = [each for each in tap.log if each.worker != dead and claimed(each) == key]
    times = [each.ended_at for each in claims if each.ended_at and each.ended_at > after]
    assert times, f"{key} was never claimed again"
    return times[0]


def hook_runs(tap: Tap, name: str, tag: str) -> dict[str, int]:
    """How often each hook's object was created with the content of a version."""
    runs: Counter[str] = Counter()
    for exchange in tap.writes(rf"^PATCH /apis/batch/v1/namespaces/{name}/jobs/"):
        body = json.loads(exchange.body)
        image: Any = body["spec"]["template"]["spec"]["containers"][0]["image"]
        if exchange.status == 201 and image.endswith(f":{tag}"):
            assert body["metadata"]["annotations"][HOOK_RUN]
            runs[body["metadata"]["name"]] += 1
    return dict(runs)


async def quiet(watched: Watched, name: str) -> None:
    """Wait until nobody has claimed anything and nothing of the Application is marked."""
    lanes, running = KEYS[:2], KEYS[2]
    deadline = time.monotonic() + CONVERGED_S
    member = f"application:{watched.home}/{name}"
    async with Redis.from_url(watched.stage.valkey.url) as client:
        while True:
            marked = [await client.zscore(lane, member) for lane in lanes]
            claims = await client.zrange(running, 0, -1)
            if not claims and marked == [None, None]:
                return
            assert time.monotonic() < deadline, f"still at work: {claims}, {member} is marked: {marked}"
            await asyncio.sleep(POLL_S)
