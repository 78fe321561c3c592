"""Is it well? `assess` says it of one live object, `application_health` of all objects of an application together.

Pure: what people's own scripts say of an object (judge.py) comes in as data. The rule of each kind: health_kinds.py
and health_rules/; the words: health_status.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.errors import InvalidSpecError, shortened
from jobs.core.fields import Fields
from jobs.core.health_kinds import Rule, rule_of
from jobs.core.health_rules.generic import GENERIC
from jobs.core.health_status import Health, HealthStatus, progressing, unknown, worst
from jobs.core.objects import Manifest, ObjectId, manifest_of
from jobs.core.order import hook_of

__all__ = ["Child", "Health", "HealthStatus", "application_health", "assess", "child_of", "matters", "worst"]

HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"
"""Finalizer of a hook: it is deleted on purpose, and its result still counts."""
IGNORE_HEALTH = "argocd.argoproj.io/ignore-healthcheck"
"""Annotation: leave the object out of the application's health."""
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
MAX_MESSAGE = 1000
"""Characters of a message; container logs end up in some of them."""


def assess(body: Mapping[str, Any], said: Health | None = None) -> Health | None:
    """The health of a live object; None: its kind has no rule. Never raises: what cannot be read is Unknown.

    said: what somebody's script says of it, which wins over the rule of its kind; None: there is no script.
    """
    fields = Fields(body, "")
    try:
        health = _leaving(fields.inner("metadata")) or said or _by_rule(fields)
    except InvalidSpecError as error:
        return unknown(f"its status cannot be read: {error.message}")
    return Health(health.status, shortened(health.message, MAX_MESSAGE)) if health else None


def by_conditions(body: Mapping[str, Any]) -> Health | None:
    """The health by the conditions that are usual, of an object whose kind has no rule; None: its kind has one."""
    try:
        fields = Fields(body, "")
        return None if _rule(fields) else GENERIC(fields)
    except InvalidSpecError:
        return None  # of another shape: these are not the usual conditions


def _leaving(metadata: Fields) -> Health | None:
    """Of an object that is being deleted, with what holds it."""
    finalizers = metadata.texts("finalizers")
    if not metadata.has("deletionTimestamp") or HOOK_FINALIZER in finalizers:
        return None
    held = f", held by {', '.join(finalizers)}" if finalizers else ""
    return progressing(f"Pending deletion{held}")


def _by_rule(body: Fields) -> Health | None:
    rule = _rule(body)
    return rule(body) if rule else None


def _rule(body: Fields) -> Rule | None:
    group, _, _ = body.text("apiVersion").rpartition("/")
    return rule_of(group, body.text("kind"))


@dataclass(frozen=True, slots=True)
class Child:
    """One object of an application, as far as its health is concerned."""

    id: ObjectId
    health: Health | None
    """None: its kind has no rule. Missing: it is wanted and not in the cluster."""
    live: bool
    """Whether it is in the cluster."""
    counts: bool = True
    """False for a hook, an object with ignore-healthcheck, one that may be there besides (IgnoreExtraneous)."""


def child_of(
    id_: ObjectId, live: Mapping[str, Any] | None, wanted: Manifest | None = None, said: Health | None = None
) -> Child:
    """A child from what is in the cluster (None: nothing) and what Git wants (None: it is to be pruned)."""
    there = manifest_of(live) if live is not None else wanted
    counts = there is None or not (_is_hook(wanted or there) or _is_left_out(there, wanted))
    if live is None:
        return Child(id_, Health(HealthStatus.MISSING), False, counts)
    return Child(id_, assess(live, said), True, counts)


def application_health(children: Iterable[Child], itself: ObjectId | None = None) -> Health:
    """The worst child decides; the message names it. `itself` is the Application's own object, which never counts.

    A missing object does not make it worse (OutOfSync tells that), unless all are missing.
    """
    counted = [child for child in children if child.counts and child.id != itself]
    if counted and not any(child.live for child in counted):
        return Health(HealthStatus.MISSING, "none of its objects is in the cluster")
    there = [(child.id, child.health) for child in counted if child.live and child.health]
    found = worst(_named(id_, health) for id_, health in there if matters(id_, health))
    return found or Health(HealthStatus.HEALTHY)


def matters(id_: ObjectId, health: Health) -> bool:
    """Whether it says something of the application: a child Application that is Missing or Unknown does not."""
    vague = health.status in (HealthStatus.MISSING, HealthStatus.UNKNOWN)
    return not (vague and id_.group_kind == ("argoproj.io", "Application"))


def _named(id_: ObjectId, health: Health) -> Health:
    if health.status is HealthStatus.HEALTHY:
        return Health(HealthStatus.HEALTHY)
    return Health(health.status, f"{id_}: {health.message}" if health.message else str(id_))


def is_ignored(manifest: Manifest) -> bool:
    """Whether its author wants nobody to wait for it or to judge by it (ignore-healthcheck)."""
    return manifest.annotations.get(IGNORE_HEALTH) == "true"


def _is_left_out(there: Manifest, wanted: Manifest | None) -> bool:
    options = [option.strip() for option in there.annotations.get(COMPARE_OPTIONS, "").split(",")]
    extra = wanted is None and "IgnoreExtraneous" in options
    return extra or is_ignored(there)


def _is_hook(manifest: Manifest) -> bool:
    """A live hook whose annotation was spoilt by hand is still a hook."""
    try:
        return hook_of(manifest) is not None
    except InvalidSpecError:
        return True
