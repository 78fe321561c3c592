"""The worker's metrics. None is per application: thousands of series would cost more than they tell."""

from prometheus_client import Counter, Histogram

from jobs.core.run import Run

RENDERS = Counter("pilothouse_renders_total", "Renders done, cached ones not counted")
FETCHES = Counter("pilothouse_fetches_total", "Fetches of a repository")
UNMATCHED = Counter("pilothouse_unmatched_pushes_total", "Pushes for a repository that no Application uses")
RUNS = Counter("pilothouse_runs_total", "Runs by outcome", ["outcome"])
PUSH_TO_APPLIED = Histogram(
    "pilothouse_push_to_applied_seconds",
    "From the receipt of a push to the last object applied for it",
    buckets=(0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1, 2, 4, 8, 15, 30, 60, 300),
)


def count_run(run: Run) -> None:
    """Count how a claim of an application ended."""
    outcome = "failed" if run.error else "looked" if run.phase is None else str(run.phase).lower()
    RUNS.labels("healed" if run.heal and not run.error else outcome).inc()
