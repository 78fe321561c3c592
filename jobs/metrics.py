"""The metrics of the flow. None is per application: thousands of series would cost more than they tell."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from jobs.core.run import Run

FLOW = CollectorRegistry()
"""Served by probes.py beside the worker's own counters."""
RENDERS = Counter("pilothouse_renders", "Renders done, cached ones not counted", registry=FLOW)
FETCHES = Counter("pilothouse_fetches", "Fetches of a repository that were asked for", registry=FLOW)
UNMATCHED = Counter("pilothouse_unmatched_pushes", "Pushes for a repository that no Application uses", registry=FLOW)
SYNCS = Counter("pilothouse_syncs", "Claims of an application, by how they ended", ["outcome"], registry=FLOW)
HEALED = Counter("pilothouse_healed_objects", "Objects that were put back, by kind", ["kind"], registry=FLOW)
EVENTS = Counter(
    "pilothouse_watch_events",
    "Events of owned objects, by what they meant: nothing, moved, drift",
    ["meaning"],
    registry=FLOW,
)
PUSH_TO_APPLIED = Histogram(
    "pilothouse_push_to_applied_seconds",
    "From the receipt of a push to the last object applied for it",
    buckets=(0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1, 2, 4, 8, 15, 30, 60, 300),
    registry=FLOW,
)


def count_run(run: Run) -> None:
    """Count how a claim of an application ended."""
    looked = "held" if run.held else "looked"
    outcome = "failed" if run.error else looked if run.phase is None else str(run.phase).lower()
    SYNCS.labels("healed" if run.heal and not run.error else outcome).inc()
    for target in run.changed_ids if run.heal else ():
        HEALED.labels(target.kind).inc()
