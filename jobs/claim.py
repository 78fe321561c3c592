"""A claim: the right to work on one repository or application for the length of a lease, and what is said at its end.

The queue itself, which hands claims out, is jobs/enqueue.py. Here is only the worker's side of one claim.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from jobs.core.errors import LostClaim, StageError

SAFE_SHARE = 0.4
"""No write starts with less than this share of the lease left: it must end before somebody else may begin."""
RETRY_S = 0.2
"""Pause before a renewal that got no answer is tried again, in seconds."""


def boottime() -> float:
    """Seconds that also pass while the machine sleeps: a suspended worker must see that its lease is over."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Again:
    """What a handler returns to be called again for the same key, without holding a slot or a lease meanwhile.

    in_s: seconds until then; None: no mark of its own (useful with not_before_s alone).
    not_before_s: back-off; sweeps wait for its end too, only a mark with `ends_backoff` does not.
    why, background, hints: as in jobs.enqueue.Mark. Hints of a mark that came during the run win over these.
    """

    in_s: float | None = 0.0
    why: str = "wait"
    not_before_s: float | None = None
    background: bool = False
    hints: Mapping[str, str] = field(default_factory=dict)


class Lease:
    """Time until a claim may be handed to somebody else. Kept alive by `held()`."""

    def __init__(
        self,
        lease_s: float,
        renew: Callable[[], Awaitable[bool]],
        *,
        began: float | None = None,
        clock: Callable[[], float] = boottime,
    ) -> None:
        """renew: True: it lives `lease_s` from when it was asked; False: taken over. began: when it was asked for."""
        self.lease_s = lease_s
        self._renew = renew
        self._clock = clock
        self._until = (clock() if began is None else began) + lease_s
        self._lost = ""
        self._body: asyncio.Task[object] | None = None

    @property
    def left_s(self) -> float:
        """Seconds left; 0 when it is lost or over."""
        return 0.0 if self._lost else max(0.0, self._until - self._clock())

    def require(self) -> None:
        """Raises LostClaim if less than 40 % of the lease is left. To be called before every write."""
        if self._lost:
            raise LostClaim(self._lost)
        if self.left_s < SAFE_SHARE * self.lease_s:
            raise LostClaim(f"{self.left_s:.1f} s of a lease of {self.lease_s:g} s are left: too few for a write")

    def lose(self, reason: str) -> None:
        """Give the lease up for lost: whatever runs in `held()` is cancelled and sees LostClaim."""
        if not self._lost:
            self._lost = reason
            if self._body is not None:
                self._body.cancel()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Renew while the body runs. A lost lease cancels it and raises LostClaim. Nested: the outermost counts."""
        body = asyncio.current_task()
        if self._body is not None or body is None:
            yield
            return
        self._body = body
        cancelling = body.cancelling()
        keeper = asyncio.create_task(self._keep())
        try:
            self.require()
            yield
            if self._lost:  # the body has swallowed the cancellation
                body.uncancel()
                raise LostClaim(self._lost)
        except asyncio.CancelledError:
            # Somebody else's cancellation (shutdown, a time limit) goes on as what it is.
            if self._lost and body.uncancel() <= cancelling:
                raise LostClaim(self._lost) from None
            raise
        finally:
            self._body = None
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep(self) -> None:
        pause = self.lease_s / 3
        while self._body is not None:
            await asyncio.sleep(min(pause, self.left_s))
            pause = await self._renewed()
            if self._lost:
                return

    async def _renewed(self) -> float:
        """One try; returns the pause until the next one, in seconds."""
        asked_at = self._clock()
        left = self.left_s
        if left <= 0:
            self.lose(f"the lease of {self.lease_s:g} s ended before it could be renewed")
            return 0.0
        try:
            async with asyncio.timeout(left):
                renewed = await self._renew()
        except (TimeoutError, StageError):
            return RETRY_S
        if not renewed:
            self.lose("the lease was taken over or the queue was emptied")
        self._until = asked_at + self.lease_s
        return self.lease_s / 3


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """One key, claimed by one worker. Until the lease is over nobody else works on the same key.

    kind, key: as marked. token: fencing token; DONE and renewals of an older claim change nothing.
    generation: number of the mark that this claim answers; a later mark has a greater one.
    hints: what the marks said, `why` among them; hints only, Git and the cluster are asked.
    groups: its limit groups.
    background: came from a sweep. waited_s: since it was due. crashes: leases in a row that ended without an answer.
    """

    kind: str
    key: str
    lease: Lease
    token: str = ""
    generation: int = 0
    hints: Mapping[str, str] = field(default_factory=dict)
    background: bool = False
    waited_s: float = 0.0
    crashes: int = 0
    groups: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """The reason of the latest mark, one of jobs.enqueue.WHYS."""
        return self.hints.get("why", "retry")

    @property
    def lease_s(self) -> float:
        """Length of the lease in seconds."""
        return self.lease.lease_s

    def require(self) -> None:
        """Raises LostClaim if a write could outlive the lease. To be called before every write."""
        self.lease.require()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Renew while the body runs; a lost lease cancels it and raises LostClaim. Nested: the outermost counts."""
        async with self.lease.held():
            yield
