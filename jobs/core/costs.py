"""What Pilothouse asks of API servers and Git hosts, as plain sums: what a push, a heal, a sweep and an idle hour cost.

tests/e2e/test_costs.py holds the sums to the code; docs/scaling.md explains them. Only the simulation uses them.
"""

from dataclasses import dataclass

WATCH_S = 450.0
"""A watch is asked to end after 300 to 600 s, and begun again."""
HOME_READS = 4
"""Of repository Secrets, credentials, TLS and SSH trust: read at most once a minute, by whoever polls a repository."""
HOME_WATCHES = 5
"""Applications, AppProjects, Secrets, ConfigMaps, repository Secrets with their data; one of each in every worker."""
HOME_LOOKS = 6
"""An hour, by every worker, at the copies of webhook secrets: somebody may have deleted them."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is run, evenly spread."""

    applications: int
    objects: int
    """Of one application."""
    kinds: int
    """Of one application, and of each cluster."""
    repositories: int
    clusters: int = 1
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Intervals:
    """The settings that cost depends on, in seconds."""

    sweep_s: float = 60.0
    poll_s: float = 180.0
    audit_s: float = 86_400.0


USUAL = Intervals()


def compared(fleet: Fleet, dry_runs: int) -> int:
    """API requests of one comparison: the Application, a list for each kind, a dry run of each object that moved."""
    return 1 + fleet.kinds + dry_runs


def pushed(fleet: Fleet, changed: int, *, waits: int) -> int:
    """API requests of a push for one application it concerns. changed: objects. waits: looks until all are healthy.

    The comparison, an apply for each changed object, status and Event of the start; each look is a comparison without
    dry runs; at the end status and Event again, which are one each when nothing had to be waited for.
    """
    ends = 2 if waits else 1
    return compared(fleet, changed) + changed + 2 * ends + waits * compared(fleet, 0) + (0 if waits else 1)


def healed(fleet: Fleet, drifted: int) -> int:
    """API requests of a heal: a comparison, an apply for each object, status and Event.

    One more for each object that a tool edited whose fields are taken over (kubectl): its entry is renamed first.
    """
    return compared(fleet, drifted) + drifted + 2


def swept(fleet: Fleet) -> int:
    """API requests of one sweep of all clusters: applications don't matter, kinds do."""
    return fleet.kinds * fleet.clusters


def fetched(repositories: int) -> int:
    """Git requests when so many repositories moved: refs, then the pack, each a round trip of protocol version 2."""
    return 3 * repositories


def idle_hour(fleet: Fleet, intervals: Intervals = USUAL) -> int:
    """API requests of an hour in which nothing happens, all workers and clusters together."""
    sweeps = swept(fleet) * 3600 / intervals.sweep_s
    watches = (fleet.kinds * fleet.clusters + HOME_WATCHES * fleet.workers) * 3600 / WATCH_S
    reads = HOME_READS * min(60.0, fleet.repositories * 3600 / intervals.poll_s) * fleet.workers
    audits = fleet.applications * compared(fleet, fleet.objects) * 3600 / intervals.audit_s
    return round(sweeps + watches + reads + HOME_LOOKS * fleet.workers + audits)


def idle_hour_of_git(fleet: Fleet, intervals: Intervals = USUAL) -> int:
    """Git requests of an idle hour: each poll asks for the refs, and finds them as they were."""
    return round(2 * fleet.repositories * 3600 / intervals.poll_s)
