"""The shapes that go into the dirty queue and come out of it: Mark, QueueState, Inspection. No I/O here.

A claim has a life of its own: jobs/claim.py. The queue is jobs/enqueue.py, which also hands these names on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from jobs.claim import Claim
from jobs.scripts import MAX_HINTS

KINDS = ("repository", "application", "inspect")
WHYS = (
    "push",
    "manual",
    "changed",
    "drift",
    "sweep",
    "poll",
    "retry",
    "wait",
    "window",
    "takeover",
    "start",
    "inspect",
)
MAX_KEY = 1024
MARK_ARGUMENTS = 6


@dataclass(frozen=True, slots=True)
class Mark:
    """Something is to be looked at again. Marks of one key run together, at the earliest due time of them.

    kind, key: one of KINDS and its name: `github.com/org/repo`, `namespace/name`. why: one of WHYS.
    background: may wait for everything else (sweeps). due_in_s: seconds until it is due.
    ends_backoff: a new wish (a push that changed something, a person): what failed before does not hold it back.
    group: limit groups of the key, separated by spaces (`repo:NAME cluster:KEY`); empty: as marked before.
    hints: short strings handed to the claim; newer fields win, and what is too long is left out.
    Raises ValueError if kind, key, why or group are none.
    """

    kind: str
    key: str
    why: str
    background: bool = False
    due_in_s: float = 0.0
    ends_backoff: bool = False
    group: str = ""
    hints: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.why not in WHYS:
            raise ValueError(f"{self.kind!r} for {self.why!r} is no mark; kinds: {KINDS}, reasons: {WHYS}")
        if not 0 < len(self.key) <= MAX_KEY or not self.key.isprintable():
            raise ValueError(f"the key of a {self.kind} must have 1 to {MAX_KEY} printable signs")
        if not self.group.isprintable() or len(self.group) > 2 * MAX_KEY:
            raise ValueError(f"the group of {self.kind} {self.key} must have at most {2 * MAX_KEY} printable signs")


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue at one moment, for the worker's clock and for metrics.

    epoch: empty when Valkey was wiped since a worker last filled it. server: another one after a restart or failover.
    interactive, background: marks due now (running ones included). later: not yet due. running: claims.
    oldest_age_s: how long the first waiting mark has been due; 0: none. next_due_in_s: until something can be claimed,
    <= 0: now; None: nothing. next_timer_in_s: until another mark becomes due. waking: a wake-up is under way.
    """

    epoch: str
    server: str
    interactive: int
    background: int
    later: int
    running: int
    oldest_age_s: float
    next_due_in_s: float | None
    next_timer_in_s: float | None
    waking: bool


@dataclass(frozen=True, slots=True)
class Inspection:
    """A question of the API about something live, and the key under which the answer is awaited."""

    kind: str
    key: str
    request: str
    reply: str

    @classmethod
    def of(cls, claim: Claim) -> "Inspection":
        """The question of a claim of kind `inspect`."""
        hints = claim.hints
        return cls(hints.get("kind", ""), hints.get("key", ""), hints.get("request", ""), claim.key)


def member_of(kind: str, key: str) -> str:
    """The one name of a key in all of the queue's sets."""
    return f"{kind}:{key}"


def milliseconds(seconds: float) -> str:
    """As the scripts take it: whole and not negative."""
    return str(max(0, round(seconds * 1000)))


def hints_text(why: str, hints: Mapping[str, str] | None) -> str:
    """JSON of the hints with their reason; the reason alone if they are too long or no text."""
    bare = orjson.dumps({"why": why})
    try:
        text = orjson.dumps({**(hints or {}), "why": why})
    except TypeError:  # half a surrogate pair from a payload: no text, so no hint
        text = bare
    return (text if len(text) <= MAX_HINTS else bare).decode()


def mark_arguments(marks: Sequence[Mark]) -> list[str]:
    """What the MARK script takes: six texts for each mark."""
    arguments: list[str] = []
    for mark in marks:
        arguments += (
            member_of(mark.kind, mark.key),
            "b" if mark.background else "i",
            milliseconds(mark.due_in_s),
            "1" if mark.ends_backoff else "",
            mark.group,
            hints_text(mark.why, mark.hints),
        )
    return arguments
