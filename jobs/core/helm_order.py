"""Helm's way from rendered texts to documents: splitting, which of them are hooks, and the order of installation.

Follows `helm template`, whose output is: CRDs, then objects by kind, then hooks by kind.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

INSTALL_ORDER = (
    *("PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodSecurityPolicy"),
    *("PodDisruptionBudget", "ServiceAccount", "Secret", "SecretList", "ConfigMap", "StorageClass"),
    *("PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition", "ClusterRole", "ClusterRoleList"),
    *("ClusterRoleBinding", "ClusterRoleBindingList", "Role", "RoleList", "RoleBinding", "RoleBindingList"),
    *("Service", "DaemonSet", "Pod", "ReplicationController", "ReplicaSet", "Deployment"),
    *("HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "IngressClass", "Ingress", "APIService"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
)
"""Kinds in the order Helm installs them; unknown kinds come last, by name."""
RANK = {kind: rank for rank, kind in enumerate(INSTALL_ORDER)}

HOOK = "helm.sh/hook"
TESTS = frozenset({"test", "test-success"})
EVENTS = TESTS | {f"{when}-{what}" for when in ("pre", "post") for what in ("install", "delete", "upgrade", "rollback")}
"""Hook events Helm knows (https://helm.sh/docs/topics/charts_hooks/)."""

SEPARATOR = re.compile(r"(?:^|\s*\n)---\s*")
YAML_SEPARATOR = re.compile(r"^---(?=\s|\Z)[^\S\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed YAML document and where it comes from."""

    origin: str
    """Path of the file in the chart or repository."""
    number: int
    """Starts at 1."""
    line: int
    """Line of the file where it starts; 0 where that is not known, since a template made it."""
    body: Mapping[str, Any]

    @property
    def place(self) -> str:
        """For messages: the file, and which of its documents."""
        at = f", line {self.line}" if self.line else ""
        return f"{self.origin} (document {self.number}{at})"


def split_rendered(text: str) -> list[str]:
    """The documents of one rendered template as `helm template` prints them; blank ones are left out.

    It adds a newline to each, and cuts blank lines in front of a separator: block scalars (`|`) see both.
    """
    return [f"{part}\n" for part in SEPARATOR.split(text.lstrip()) if part.strip()]


def split_file(text: str) -> list[tuple[int, str]]:
    """The documents of a plain YAML file with the line each starts at, by YAML's own rule; blank ones are left out."""
    starts = [(0, 0), *((match.start(), match.end()) for match in YAML_SEPARATOR.finditer(text))]
    ends = [start for start, _ in starts[1:]] + [len(text)]
    found = []
    for (_, begin), end in zip(starts, ends, strict=True):
        part = text[begin:end]
        if part.strip():
            found.append((text.count("\n", 0, begin) + 1, part))
    return found


def is_source(path: str) -> bool:
    """Whether a template's output holds manifests: notes and partials (`_helpers.tpl`) don't."""
    name = path.rpartition("/")[2]
    return name != "NOTES.txt" and not name.startswith("_")


def events(body: Mapping[str, Any]) -> frozenset[str] | None:
    """The hook events of an object; None: it is no hook. Unknown events are kept."""
    annotations = (body.get("metadata") or {}).get("annotations")
    value = annotations.get(HOOK) if isinstance(annotations, Mapping) else None
    if not isinstance(value, str):
        return None
    return frozenset(event.strip().lower() for event in value.split(","))


def in_helm_order(documents: Iterable[Document], *, skip_tests: bool = False) -> list[Document]:
    """Objects by kind, then hooks by kind; within a kind by file. Hooks with an event Helm doesn't know are dropped."""
    by_file = sorted(documents, key=lambda document: (document.origin, document.number))
    objects, hooks = [], []
    for document in by_file:
        found = events(document.body)
        if found is None:
            objects.append(document)
        elif found <= EVENTS and not (skip_tests and found & TESTS):
            hooks.append(document)
    return sorted(objects, key=_rank) + sorted(hooks, key=_rank)


def _rank(document: Document) -> tuple[int, str]:
    kind = str(document.body.get("kind") or "")
    return (RANK[kind], "") if kind in RANK else (len(RANK), kind)
