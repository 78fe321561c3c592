"""Looks for orphans in the namespace of an application, at sweeps only: it lists every kind there, metadata alone."""

from jobs.core.errors import KubeError, NotFound
from jobs.core.inventory import COMES_AND_GOES
from jobs.core.orphans import is_asked, orphans, warning
from jobs.core.rules import Rules
from jobs.kube import Kube
from jobs.together import answers

PARALLEL = 4
"""Lists under way at once: nobody waits for them."""
SWEEPS = ("sweep", "start")
"""Reasons of a claim that are nobody's wish."""


async def orphan_warning(rules: Rules, kube: Kube, why: str) -> str | None:
    """What to warn of; empty: nothing, or nobody wants to know. None: this was no time to look.

    why: the reason of the claim. Raises InvalidSpecError when the project's list of what to ignore makes no sense.
    """
    if not is_asked(rules):
        return ""
    if why not in SWEEPS:
        return None
    namespace = rules.application.destination.namespace
    kinds = [item for item in (await kube.discovery()).in_namespaces if item.kind not in COMES_AND_GOES]
    lists = await answers(
        (kube.list(item, namespace, metadata_only=True, cached=True) for item in kinds), at_once=PARALLEL
    )
    bodies = [body for listing in lists if not isinstance(listing, KubeError) for body in listing.items]
    missing = [
        item.kind
        for item, listing in zip(kinds, lists, strict=True)
        if isinstance(listing, KubeError) and not isinstance(listing, NotFound)
    ]
    return warning(orphans(bodies, rules), tuple(missing), rules)
