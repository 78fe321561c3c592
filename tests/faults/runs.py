"""Who worked on what and when, read from the proxies' log: the proof that no application ever ran twice at once."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from tests.faults.proxy import Exchange, Tap
from tests.faults.rounds import claimed

RUN = "/metadata/annotations/pilothouse.dev~1run"
REVISION = frozenset({"/status/sync/revision", "/status/sync/revisions"})
"""All that is written of an Application without a claim: where Git is now, if that does not concern it."""


@dataclass(slots=True)
class Claimed:
    """One claim of an Application: everything between its CLAIM and its DONE is its run."""

    worker: str
    token: str
    began_at: float
    done_at: float | None = None
    """None: DONE was never said; the worker was killed or lost the claim."""
    writes: list[Exchange] = field(default_factory=list)

    @property
    def ended_at(self) -> float:
        """When it said DONE, or else when its last write was answered."""
        times = [write.ended_at or write.began_at for write in self.writes]
        return self.done_at if self.done_at is not None else max([self.began_at, *times])


def overlaps(tap: Tap, name_of_object: str) -> list[str]:
    """Every sign that an application ran twice at once; empty: it never did.

    name_of_object: regular expression that finds the Application's name (its group 1) in the label of a write.
    """
    said: list[str] = []
    runs = claims(tap)
    for exchange in tap.writes(name_of_object):
        found = re.search(name_of_object, exchange.label)
        name = found[1] if found else ""
        of_worker = [run for run in runs[name] if run.worker == exchange.worker and run.began_at <= exchange.began_at]
        if not of_worker or (of_worker[-1].done_at or exchange.began_at) < exchange.began_at:
            said.append(f"{exchange.worker} wrote {exchange.label} without a claim")
        else:
            of_worker[-1].writes.append(exchange)
    said += _status_writes(tap, runs)
    for name, of_name in runs.items():
        ordered = sorted(of_name, key=lambda run: run.began_at)
        for earlier, later in pairwise(ordered):
            if earlier.ended_at > later.began_at:
                said.append(f"{name}: {earlier.worker} was at it until {earlier.ended_at}, {later}")
    return said


def claims(tap: Tap) -> dict[str, list[Claimed]]:
    """The claims of each Application, by its name."""
    runs: dict[str, list[Claimed]] = defaultdict(list)
    by_token: dict[str, Claimed] = {}
    for exchange in tap.log:
        words = exchange.label.split()
        kind, _, key = claimed(exchange).partition(":")
        if kind == "application":
            run = by_token[words[2]] = Claimed(exchange.worker, words[2], exchange.ended_at or exchange.began_at)
            runs[key.partition("/")[2]].append(run)
        elif words[0] == "DONE" and words[2] in by_token:
            by_token[words[2]].done_at = exchange.began_at
    return runs


def _status_writes(tap: Tap, runs: dict[str, list[Claimed]]) -> list[str]:
    """Status is written by its claim: the run annotation names it. Only the revision is moved without one."""
    said = []
    for exchange in tap.writes(r"^PATCH .*/applications/"):
        name = exchange.label.partition("/applications/")[2].partition("?")[0]
        changes = {each["path"]: each.get("value") for each in json.loads(exchange.body) if each["op"] != "test"}
        added = str(changes.get(RUN, ""))
        run = next((run for run in runs[name] if run.token in added.split(".")[1:]), None)
        is_of_run = run and run.worker == exchange.worker and (run.done_at or exchange.began_at) >= exchange.began_at
        if run and is_of_run:
            run.writes.append(exchange)
        elif not changes.keys() <= REVISION:
            said.append(f"{exchange.worker} wrote {', '.join(changes)} of {name} as {added!r} without a claim")
    return said
