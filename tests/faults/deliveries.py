"""Thousands of signed deliveries to one receiver, what each was answered, and what must be true of those taken.

Nearly every delivery is of a repository of its own, which no Application uses: so a mark that is lost is not hidden by
the next one, and what became of it can be told for each.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import orjson
from redis.asyncio import Redis

from deploy.demo.hook import signature
from jobs.core.repository import Repository

log = logging.getLogger(__name__)

SENDERS = 32
COMMIT = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"
TIMEOUT_S = 10.0
"""As long as a Git host waits."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One push event to be told."""

    id: str
    url: str
    after: str = COMMIT
    before_sending: Callable[[], Awaitable[None]] | None = None
    """What happens at the Git host first."""

    @property
    def repository(self) -> str:
        """The one name of its repository."""
        return Repository.of(self.url).name


def made_up(count: int) -> list[Planned]:
    """Pushes of so many repositories that nobody uses."""
    return [Planned(f"delivery-{number}", f"https://git.example.com/made/up-{number}.git") for number in range(count)]


@dataclass(slots=True)
class Sending:
    """Sends what is planned, in order, by many hands, and notes the answers."""

    url: Callable[[], str]
    """Of the receiver."""
    secret: str
    planned: list[Planned]
    statuses: dict[str, int] = field(default_factory=dict)
    """Delivery id -> HTTP status; 0: no answer came."""
    longest_s: float = 0.0
    """The longest time to any answer."""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """The receiver is there; while it is not, a host that tries gets no answer, and others wait."""
    _next: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Send everything."""
        self.open.set()
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(self._hand(session))

    async def reached(self, share: float) -> None:
        """Wait until this share of the deliveries is on its way."""
        while self._next < share * len(self.planned):
            self._moved.clear()
            await self._moved.wait()

    def of(self, *statuses: int) -> list[Planned]:
        """Those that were answered so."""
        return [each for each in self.planned if self.statuses[each.id] in statuses]

    def tell(self, what: str, took_s: float) -> None:
        """The figures: `pytest -o log_cli=true -o log_cli_level=info` shows them."""
        counted = dict(sorted(Counter(self.statuses.values()).items()))
        log.info("%s: %d deliveries in %.1f s, answers %s", what, len(self.statuses), took_s, counted)
        log.info("%s: longest answer %.2f s (0 above: no answer)", what, self.longest_s)

    async def _hand(self, session: aiohttp.ClientSession) -> None:
        while self._next < len(self.planned):
            await self.open.wait()
            each = self.planned[self._next]
            self._next += 1
            self._moved.set()
            if each.before_sending:
                await each.before_sending()
            self.statuses[each.id] = await self._sent(session, each)

    async def _sent(self, session: aiohttp.ClientSession, each: Planned) -> int:
        body = orjson.dumps(
            {"ref": "refs/heads/main", "after": each.after, "repository": {"clone_url": each.url}, "filler": "x" * 5000}
        )
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": each.id,
            "X-Hub-Signature-256": signature(body, self.secret),
        }
        began_at = time.monotonic()
        try:
            async with session.post(f"{self.url()}/api/webhook", data=body, headers=headers) as answer:
                await answer.read()
                self.longest_s = max(self.longest_s, time.monotonic() - began_at)
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0


async def unmarked(redis_url: str, deliveries: list[Planned]) -> list[str]:
    """Those whose repository is not marked by this very delivery; each repository is pushed to once."""
    async with Redis.from_url(redis_url) as client:
        due = await client.zrange("{wq}:dirty:i", 0, -1)
        hints = await client.hgetall("{wq}:hints")
    marked = {
        member.removeprefix(b"repository:").decode(): orjson.loads(hints.get(member, b"{}")).get("delivery")
        for member in due
    }
    return [each.id for each in deliveries if marked.get(each.repository) != each.id]


async def remembered(url: str) -> float:
    """How many marks the receiver keeps in memory."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return float(next(line for line in lines if line.startswith("pilothouse_remembered_marks ")).split()[1])
