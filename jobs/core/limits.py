"""How many applications of one cluster a worker takes on: a silent or slow one must not take what others need."""

from collections import Counter
from collections.abc import Iterable

from jobs.core.application import IN_CLUSTER, cluster_group

CLUSTERS = "cluster:"
"""Begin of every cluster's limit group."""
UNPROVEN = 1
"""Of a cluster that has not answered lately, or is slow to: enough to find out that it is well again."""


def claim_limits(
    clusters: Iterable[tuple[frozenset[str], bool]], running: Iterable[str], *, slots: int
) -> dict[str, int]:
    """Limit groups of which a worker takes no more for now, each with 0.

    clusters: all that an Application may call one, and whether it answers; those never asked are not there.
    running: the limit groups of all claims that the worker works on. slots: its claims at once.
    The home cluster is not held back: while it is silent, nothing can be done anywhere.
    """
    known = [(frozenset(map(cluster_group, names)), answers) for names, answers in clusters]
    counts = Counter(group for group in running if group.startswith(CLUSTERS) and group != cluster_group(IN_CLUSTER))
    strangers = [(frozenset({group}), False) for group in counts if not any(group in groups for groups, _ in known)]
    share = max(UNPROVEN, slots // 2)
    return {
        group: 0
        for groups, answers in (*known, *strangers)
        if sum(counts[group] for group in groups) >= (share if answers else UNPROVEN)
        for group in groups
    }
