"""How often this worker does one thing for one key: a repository pushed to all the time is not fetched all the time.

Only the time of the next turn is said here. Who comes too early waits in the queue, where waiting marks become one.
"""

import time
from collections.abc import Callable

KEPT = 1_000
"""Keys after which old turns are forgotten."""


class Pace:
    """The last turn of each key, in memory: several workers each have their own."""

    def __init__(self, interval_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """interval_s: from the start of one turn to the start of the next."""
        self._interval_s, self._clock = interval_s, clock
        self._turns: dict[str, float] = {}

    def wait_s(self, key: str) -> float:
        """Seconds until it is this key's turn again; 0: it is now, and is taken."""
        now = self._clock()
        left_s = self._turns.get(key, float("-inf")) + self._interval_s - now
        if left_s > 0:
            return left_s
        if len(self._turns) >= KEPT:
            self._turns = {each: at for each, at in self._turns.items() if at + self._interval_s > now}
        self._turns[key] = now
        return 0.0
