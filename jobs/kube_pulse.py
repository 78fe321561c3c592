"""Whether one API server answers now. A silent one is left alone for a while, so that nobody waits for it in vain.

A circuit breaker: https://learn.microsoft.com/en-us/azure/architecture/patterns/circuit-breaker . Sends nothing itself.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobs.core.errors import KubeError, Unreachable

LAG_S = 2.0
"""A server that needs longer than this for an answer lags."""
BELIEVED_S = 120.0
"""How long an answer speaks for a server; every application asks once in a sweep interval."""
FIRST_REST_S, LONGEST_REST_S = 1.0, 60.0
"""How long a silent server is left alone; doubled with each silence in a row."""


class Pulse:
    """The pulse of one API server, felt with each request."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that only go forward."""
        self._clock = clock
        self._under_way: dict[object, float] = {}
        self._answered_at: float | None = None
        self._silence: Unreachable | None = None
        self._silences = 0
        self._rests_until = 0.0
        self._probing = False

    @property
    def is_well(self) -> bool:
        """Whether it answered lately, each time, and nobody waits for long: then it may be asked as much as others."""
        believed = self._answered_at is not None and self._clock() - self._answered_at <= BELIEVED_S
        return believed and self._silence is None and not self.lags

    @property
    def lags(self) -> bool:
        """Whether a request has waited for too long."""
        return self._clock() - min(self._under_way.values(), default=float("inf")) > LAG_S

    @property
    def is_silent(self) -> bool:
        """Whether the last request got no answer, so that one try is enough to learn whether it is back."""
        return self._silence is not None

    @contextmanager
    def feel(self) -> Iterator[None]:
        """Around a request with all its tries. Raises Unreachable, unsent, while the server is left alone."""
        probes = self._probes()
        request = object()
        self._under_way[request] = self._clock()
        try:
            yield
        except Unreachable as error:
            self._missed(error)
            raise
        except KubeError:
            self._answered()
            raise
        else:
            self._answered()
        finally:
            del self._under_way[request]
            if probes:
                self._probing = False

    def _probes(self) -> bool:
        """Whether this request is the one that finds out whether a silent server is back."""
        if self._silence is None:
            return False
        if self._probing or self._clock() < self._rests_until:
            raise Unreachable(f"{self._silence.message}; it is left alone for a while")
        self._probing = True
        return True

    def _answered(self) -> None:
        self._answered_at, self._silence, self._silences = self._clock(), None, 0

    def _missed(self, error: Unreachable) -> None:
        self._silence = error
        if self._clock() >= self._rests_until:  # requests that fail together are one silence
            self._rests_until = self._clock() + min(LONGEST_REST_S, FIRST_REST_S * 2 ** min(self._silences, 10))
            self._silences += 1
