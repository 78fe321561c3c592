"""The tables of rules, one file for each sort of vendor, and which of them fits a kind.

What each kind's status means is from its vendor's documentation and from Argo CD's behaviour; where a rule says
something else than Argo CD's, docs/health.md tells why. The language: health_rule.py.
"""

from collections.abc import Mapping
from functools import lru_cache

from jobs.core.glob import text_glob
from jobs.core.health_rule import DataRule
from jobs.core.health_rules import (
    argo,
    clouds,
    clusters,
    databases,
    delivery,
    gateways,
    kubernetes,
    messaging,
    monitoring,
    policies,
    secrets,
    serving,
    storage,
)

TABLES: Mapping[str, Mapping[tuple[str, str], DataRule]] = {
    "Kubernetes": kubernetes.RULES,
    "Argo": argo.RULES,
    "Delivery and pipelines": delivery.RULES,
    "Secrets and certificates": secrets.RULES,
    "Gateways and meshes": gateways.RULES,
    "Databases and search": databases.RULES,
    "Messaging": messaging.RULES,
    "Storage and backup": storage.RULES,
    "Clusters and machines": clusters.RULES,
    "Clouds": clouds.RULES,
    "Policies and tenants": policies.RULES,
    "Monitoring": monitoring.RULES,
    "Serving, jobs and machine learning": serving.RULES,
}
"""Title -> (group, kind) -> rule; `*` in a group or as a kind is a wildcard."""

_ALL = {kind: rule for rules in TABLES.values() for kind, rule in rules.items()}
_WILD = [(text_glob("/".join(kind)), rule) for kind, rule in _ALL.items() if "*" in "".join(kind)]


@lru_cache(maxsize=4096)
def rule_of(group: str, kind: str) -> DataRule | None:
    """The rule of a kind: its own, else the first wildcard that fits. None: there is none."""
    exact = _ALL.get((group, kind))
    return exact or next((rule for glob, rule in _WILD if glob.matches(f"{group}/{kind}")), None)
