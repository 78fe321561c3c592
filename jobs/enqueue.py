"""The dirty queue: mark, claim, done; and the one place that puts jobs on arq. No answered mark is ever lost.

What is due lives in Valkey (jobs/scripts.py); shapes are in jobs/marks.py, a claim's life is in jobs/claim.py. An arq
job carries no work: it makes a worker claim. Its id is random: arq drops a job whose id is queued, running or kept.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import orjson
from arq.connections import ArqRedis
from pydantic import SecretStr
from redis import exceptions

from jobs import scripts
from jobs.batches import Batches
from jobs.claim import Again, Claim, Lease, boottime
from jobs.marks import (
    KINDS,
    MARK_ARGUMENTS,
    WHYS,
    Inspection,
    Mark,
    QueueState,
    hints_text,
    mark_arguments,
    member_of,
    milliseconds,
)
from jobs.noted import SEEN, Notes
from jobs.settings import Settings
from jobs.valkey import QueueDown, Subscription, answered, pool_for

MAX_REQUEST = 3000
BATCH = 250 * MARK_ARGUMENTS
"""Arguments of one script call: 250 marks cost about 5 ms, and everybody else waits meanwhile."""
LIMIT_S = 2.5
"""Longest wait for one answer of Valkey in seconds: a Git host gives up on a webhook after 10."""
REPLY_S = 60
SEEN_S = 86_400.0
"""How long a delivery is known, in seconds; hosts offer redelivery for a few days."""
JOB = "run_until_empty"
ARQ_QUEUE = "pilothouse:arq"
SERIALIZER, DESERIALIZER = msgspec.msgpack.encode, msgspec.msgpack.decode
"""arq's default is pickle, on both sides: who can write to Valkey must not run code in a worker."""
WAKE_CHANNEL = "{wq}:wake"
CLAIMS = scripts.KEYS[scripts.NAMES.index("proc")]

__all__ = ["KINDS", "WHYS", "Again", "Claim", "Inspection", "Mark", "Queue", "QueueDown", "QueueState", "arq_client"]


def arq_client(url: SecretStr, *, connections: int, retries: int = 0) -> ArqRedis:
    """A client that can put jobs on arq."""
    return ArqRedis(
        pool_for(url, connections=connections, retries=retries),
        job_serializer=SERIALIZER,
        job_deserializer=DESERIALIZER,
        default_queue_name=ARQ_QUEUE,
    )


class Queue:
    """The dirty queue of one process. Every method raises QueueDown in time when Valkey gives no answer."""

    def __init__(self, url: SecretStr, *, lease_s: float = 15.0, limits: Mapping[str, int] | None = None) -> None:
        """limits: group (`cluster:KEY`), or prefix (`cluster`) of such groups -> most claims running at once in one."""
        # Any: the types of the library are partial.
        self._redis: Any = arq_client(url, connections=32)
        # Questions hold a connection while they wait; marks must not stand in line behind them.
        self._asking: Any = arq_client(url, connections=64)
        self._lease_s = lease_s
        self._limits = dict(limits or {})
        self._batches = Batches(self._write, self.wake, most=BATCH)
        self._notes = Notes(self._note, most=BATCH)
        self.timer_set = asyncio.Event()
        """Set when this process marked something for later: whoever sleeps until the next due time shall look again."""

    @classmethod
    def of(cls, settings: Settings) -> "Queue":
        """The queue that the settings name."""
        limits = {"repo": settings.repository_concurrency, "cluster": settings.cluster_concurrency}
        return cls(settings.redis_url, lease_s=settings.lease_s, limits=limits)

    async def close(self) -> None:
        """Finish the marks under way and close the connections."""
        await self._batches.close(2 * LIMIT_S)
        await self._notes.close(LIMIT_S)
        for client in (self._redis, self._asking):
            await client.aclose(close_connection_pool=True)

    async def mark(self, marks: Mark | Iterable[Mark], *, limit_s: float = LIMIT_S) -> None:
        """Durable when it returns. Concurrent calls share a script call; workers are woken afterwards."""
        given = [marks] if isinstance(marks, Mark) else list(marks)
        if given:
            await self._batches.add(mark_arguments(given), limit_s)
        if any(mark.due_in_s > 0 for mark in given):
            self.timer_set.set()

    async def claim(self, kinds: Sequence[str] = KINDS, limits: Mapping[str, int] | None = None) -> Claim | None:
        """The next due key that nobody works on and no limit holds back, or None. limits: they win over the usual."""
        began, token = boottime(), secrets.token_hex(8)
        kinds_text = "," + ",".join(kinds) + ","
        pairs = [part for group, most in {**self._limits, **(limits or {})}.items() for part in (group, str(most))]
        found = await self._run(scripts.CLAIM, milliseconds(self._lease_s), token, kinds_text, *pairs, once=True)
        if found is None:
            return None
        member, generation, hints, lane, waited_ms, crashes, groups = found
        kind, _, key = member.decode().partition(":")
        return Claim(
            kind,
            key,
            Lease(self._lease_s, partial(self._renew, member, token), began=began),
            token=token,
            generation=int(generation),
            hints=orjson.loads(hints),
            background=lane == b"b",
            waited_s=waited_ms / 1000,
            crashes=int(crashes),
            groups=tuple(groups.decode().split()),
        )

    async def renew(self, claim: Claim) -> bool:
        """Let the claim live one lease longer; False: it is somebody else's. `claim.held()` does it by itself."""
        return await self._renew(member_of(claim.kind, claim.key), claim.token)

    async def done(self, claim: Claim, again: Again | None = None) -> bool:
        """End the claim, with the mark for its next time; False: it was somebody else's by now, nothing was changed."""
        in_s, not_before_s = (again.in_s, again.not_before_s) if again else (None, None)
        arguments = (
            member_of(claim.kind, claim.key),
            claim.token,
            "" if in_s is None else milliseconds(in_s),
            "" if not_before_s is None else milliseconds(not_before_s),
            "b" if again and again.background else "i",
            hints_text(again.why, again.hints) if again else "",
        )
        answer = await self._run(scripts.DONE, *arguments)
        if again:
            self.timer_set.set()
        if answer == 1:
            await self.wake()
        return bool(answer >= 0)

    async def hand_back(self, claim: Claim) -> bool:
        """End a claim that was not worked off, due at once for whoever claims next."""
        return await self.done(claim, Again(0.0, why=claim.why, background=claim.background, hints=claim.hints))

    async def drop(self, kind: str, key: str) -> None:
        """Forget the waiting marks of something that is gone. A running claim goes on; a later mark counts."""
        await self._run(scripts.DROP, member_of(kind, key))

    async def dirty(self, kind: str, key: str) -> bool:
        """Is it marked, due or not, and not yet claimed? For a run that wants to know whether it is superseded."""
        lanes = [answered(self._redis.zscore(lane, member_of(kind, key)), LIMIT_S) for lane in scripts.KEYS[:2]]
        return any(score is not None for score in await asyncio.gather(*lanes))

    async def running(self, kind: str, keys: Sequence[str]) -> frozenset[str]:
        """Those of the keys that somebody has claimed now."""
        members = [member_of(kind, key) for key in keys]
        found = await answered(self._redis.zmscore(CLAIMS, members), LIMIT_S) if members else []
        return frozenset(key for key, until in zip(keys, found, strict=True) if until is not None)

    async def state(self) -> QueueState:
        """The queue now."""
        epoch, server, due, background_due, later, running, *texts, waking = await self._run(scripts.LOOK)
        times = [int(text) / 1000 if text else None for text in texts]
        waits, ends, timers = times[:2], times[2:3], times[3:]
        return QueueState(
            epoch=epoch.decode(),
            server=server.decode(),
            interactive=due,
            background=background_due,
            later=later,
            running=running,
            oldest_age_s=max(0.0, -(_earliest(waits) or 0.0)),
            next_due_in_s=_earliest(waits + ends),
            next_timer_in_s=_earliest(timers),
            waking=bool(waking),
        )

    async def begin_filling(self) -> str:
        """To be called before everything is marked anew, since the epoch is gone; returns a note for `filled`."""
        note = f"{{wq}}:filling:{secrets.token_hex(8)}"
        await answered(self._redis.set(note, b"1", ex=3600), LIMIT_S)
        return note

    async def filled(self, note: str) -> str | None:
        """Begin an epoch, or join the one another worker began; None: emptied again meanwhile, so mark once more."""
        epoch = secrets.token_hex(8)
        if not await self._run(scripts.FILLED, epoch, more_keys=(note,)):
            return None
        return (await answered(self._redis.get(scripts.KEYS[-1]), LIMIT_S) or b"").decode() or None

    async def wake(self) -> None:
        """Make a worker claim: an arq job, then a message that ends its wait. A lost one is made up for by its tick."""
        try:
            await answered(self._redis.enqueue_job(JOB, _job_id=secrets.token_hex(8), _expires=3600), LIMIT_S)
            await answered(self._redis.publish(WAKE_CHANNEL, b"1"), LIMIT_S)
        except QueueDown:
            return

    def wake_ups(self) -> Subscription:
        """The messages of `wake`, for a worker's poll."""
        return Subscription(self._asking, WAKE_CHANNEL)

    async def advance(self, name: str, to_s: float) -> float | None:
        """Take the stretch of time up to `to_s` (seconds since 1970) for oneself: where it begins; None: never taken.

        Each moment is taken by one process only, so that any number of them may sweep.
        """
        before = await answered(self._redis.set(f"{{wq}}:until:{name}", repr(to_s), get=True), LIMIT_S)
        return float(before) if before else None

    def noted(self, name: str) -> asyncio.Future[bool]:
        """Note a delivery; True if it was noted within the last day. Raises QueueDown. Foreign text: hashed."""
        return self._notes.add(hashlib.sha256(name.encode()).hexdigest()[:32])

    async def ask(self, kind: str, key: str, request: str, timeout_s: float = 10.0, *, group: str = "") -> bytes | None:
        """The worker's answer about something live; None if none came in time. Raises ValueError over 3,000 signs.

        group: limit groups, as in a mark.
        """
        if len(request) > MAX_REQUEST:
            raise ValueError(f"the request is {len(request)} signs long; {MAX_REQUEST} are the most")
        reply = secrets.token_hex(16)
        hints = {"kind": kind, "key": key, "request": request}
        await self.mark(Mark("inspect", reply, "inspect", group=group, hints=hints))
        deadline = boottime() + timeout_s
        try:
            while (left := deadline - boottime()) > 0:
                # Short waits: the library takes a silence of 5 s for a broken connection.
                wait = min(2.0, left)
                if found := await answered(
                    self._asking.execute_command("BLPOP", _reply_key(reply), wait), wait + LIMIT_S
                ):
                    return bytes(found[1])
            return None
        finally:
            await self.drop("inspect", reply)

    async def answer(self, reply: str, answer: bytes) -> None:
        """Give the answer to an inspection; kept 60 s for who asked."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.rpush(_reply_key(reply), answer)
        pipe.expire(_reply_key(reply), REPLY_S)
        await answered(pipe.execute(), LIMIT_S)

    async def _renew(self, member: str, token: str) -> bool:
        return bool(await self._run(scripts.RENEW, member, token, milliseconds(self._lease_s)))

    async def _write(self, arguments: list[str]) -> bool:
        return bool(await self._run(scripts.MARK, *arguments) == 1)

    async def _note(self, names: list[str]) -> list[bool]:
        known = await self._run(SEEN, milliseconds(SEEN_S), *names, more_keys=("{wq}:seen",), once=True)
        return [answer == 1 for answer in known]

    async def _run(
        self, script: scripts.Script, *arguments: str, more_keys: tuple[str, ...] = (), once: bool = False
    ) -> Any:
        keys = scripts.KEYS + more_keys
        return await answered(self._tried(script, (len(keys), *keys, *arguments), once=once), LIMIT_S)

    async def _tried(self, script: scripts.Script, arguments: Sequence[str | int], *, once: bool) -> Any:
        """Again after a lost connection, until the caller's time limit, if a second run of the script does no harm."""
        while True:
            try:
                return await self._evaluated(script, arguments)
            except exceptions.ConnectionError:
                if once:
                    raise
                await asyncio.sleep(0.1)

    async def _evaluated(self, script: scripts.Script, arguments: Sequence[str | int]) -> Any:
        try:
            return await self._redis.execute_command("EVALSHA", script.sha, *arguments)
        except exceptions.NoScriptError:
            return await self._redis.execute_command("EVAL", script.text, *arguments)


def _earliest(times: Sequence[float | None]) -> float | None:
    return min((time for time in times if time is not None), default=None)


def _reply_key(reply: str) -> str:
    return f"{{wq}}:reply:{reply}"
