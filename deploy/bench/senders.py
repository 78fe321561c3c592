"""A Git host with many hands: sends signed deliveries over kept connections and takes the time of each answer.

Written on bare sockets, since it must be cheaper than what it measures. Bodies are made and signed before the start;
only the delivery id is new for each, and it is no part of what is signed.
"""

import asyncio
import hashlib
import hmac
import json
import math
import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

REPOSITORIES = 200
"""Different ones among the deliveries."""
TICK_S = 0.001
LAST_ANSWERS_S = 10.0
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(slots=True)
class Answers:
    """What came back."""

    latencies_s: "array[float]" = field(default_factory=lambda: array("d"))
    """From when a delivery was due to its whole answer."""
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    """Connections that ended before their answer."""
    unsent: int = 0
    """Deliveries that were due in the time, while every connection still waited for an answer."""


def payload(number: int, size: int) -> bytes:
    """A push event in GitHub's shape, filled up to `size` bytes with commits as hosts send them."""
    name = f"shop-{number % REPOSITORIES}"
    url, ssh = f"https://git.example.com/load/{name}", f"git.example.com:load/{name}"
    commits: list[dict[str, object]] = []
    body = {
        "ref": "refs/heads/main",
        "before": COMMIT,
        "after": COMMIT[::-1],
        "repository": {"name": name, "html_url": url, "clone_url": f"{url}.git", "ssh_url": f"git@{ssh}.git"},
        "commits": commits,
        "pusher": {"name": "ada", "email": "ada@example.org"},
        "number": number,
    }
    files: list[str] = [f"charts/{name}/templates/part-{part}.yaml" for part in range(5)]
    commit: dict[str, object] = {"id": COMMIT, "message": "Set the tag", "added": [], "removed": [], "modified": files}
    missing = size - len(json.dumps(body))
    commits += [commit] * math.ceil(max(0, missing) / len(json.dumps(commit)))
    return json.dumps(body).encode()


def requests(count: int, size: int, secret: bytes) -> list[tuple[bytes, bytes]]:
    """So many signed deliveries: what stands before the delivery id, and what after it."""
    return [_request(payload(number, size), secret) for number in range(count)]


def _request(body: bytes, secret: bytes) -> tuple[bytes, bytes]:
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    head = (
        "POST /api/webhook HTTP/1.1\r\nHost: pilothouse.example\r\nUser-Agent: GitHub-Hookshot/load\r\nAccept: */*\r\n"
    )
    head += f"Content-Type: application/json\r\nX-GitHub-Event: push\r\nX-Hub-Signature-256: sha256={signature}\r\n"
    head += f"Content-Length: {len(body)}\r\nX-GitHub-Delivery: "
    return head.encode(), b"\r\n\r\n" + body


class _Hand(asyncio.Protocol):
    """One kept connection, one delivery at a time."""

    def __init__(self, senders: "Senders") -> None:
        self._senders = senders
        self._due_at = 0.0
        self._answer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is of no class of asyncio
        self._senders.idle(self)

    def send(self, request: bytes, due_at: float) -> None:
        assert self.transport is not None
        self._due_at = due_at
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]):
            return
        self._senders.answers.latencies_s.append(time.perf_counter() - self._due_at)
        self._senders.answers.statuses[int(self._answer[9:12])] += 1
        self._answer, self._due_at = b"", 0.0
        self._senders.idle(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._senders.lost(waiting=self._due_at > 0)


class Senders:
    """`connections` hands. With a rate, deliveries are due at their times whether or not an answer is late."""

    def __init__(self, deliveries: Sequence[tuple[bytes, bytes]], *, connections: int, rate: float) -> None:
        """rate: deliveries a second; 0: each hand sends the next as soon as it has its answer."""
        self._deliveries, self._connections, self._rate = deliveries, connections, rate
        self._idle: deque[_Hand] = deque()
        self._due: deque[float] = deque()
        self._number, self._going = 0, False
        self._quiet = asyncio.Event()
        self.answers = Answers()

    async def run(self, host: str, port: int, seconds: float) -> float:
        """Send for so long and wait for the last answers; returns how long that took, in seconds."""
        loop = asyncio.get_running_loop()
        self._going = True
        began_at = time.perf_counter()
        hands = [(await loop.create_connection(lambda: _Hand(self), host, port))[1] for _ in range(self._connections)]
        for number in range(int(seconds / TICK_S) if self._rate else 0):
            while (due_at := began_at + self._number_due() / self._rate) <= time.perf_counter():
                self._due.append(due_at)
                self._match()
            await asyncio.sleep(max(0.0, began_at + (number + 1) * TICK_S - time.perf_counter()))
        await asyncio.sleep(max(0.0, began_at + seconds - time.perf_counter()))
        self._going = False
        ended_at = time.perf_counter()
        self.answers.unsent = len(self._due)
        self._due.clear()
        self._end_if_quiet()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANSWERS_S):
                await self._quiet.wait()
        for hand in hands:
            if hand.transport is not None:
                hand.transport.close()
        return ended_at - began_at

    def idle(self, hand: _Hand) -> None:
        """A connection is free."""
        self._idle.append(hand)
        if self._going and not self._rate:
            self._due.append(time.perf_counter())
        self._match()
        self._end_if_quiet()

    def lost(self, *, waiting: bool) -> None:
        """A connection ended; waiting: for an answer."""
        self.answers.broken += waiting
        self._end_if_quiet()

    def _end_if_quiet(self) -> None:
        if not self._going and len(self._idle) + self.answers.broken >= self._connections:
            self._quiet.set()

    def _number_due(self) -> int:
        return self._number + len(self._due)

    def _match(self) -> None:
        while self._idle and self._due:
            before, after = self._deliveries[self._number % len(self._deliveries)]
            self._number += 1
            self._idle.popleft().send(before + b"load-%d" % self._number + after, self._due.popleft())
