"""Ownership: the three marks that make an object ours, put on and read (design.md, part 4).

The label only finds candidates; the annotation says which object it was meant for; managedFields say who wrote it all.
People relabel, controllers copy annotations, Services hand labels on to Endpoints: one mark alone proves nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.fields import Fields
from jobs.core.managed_fields import owns_label
from jobs.core.objects import Manifest, ObjectId, identity, texts

LABEL = "pilothouse.dev/application"
TRACKING_ID = "pilothouse.dev/tracking-id"
MANAGER = "pilothouse"
"""Field manager of everything applied for an Application."""
MAX_LABEL = 63
"""Longest label value (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)."""
NOISE = frozenset({("", "Endpoints"), ("discovery.k8s.io", "EndpointSlice")})
"""Kinds whose labels are copied from a Service: never candidates unless rendered."""
BORN_WITH_NAMESPACE = frozenset({("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")})
"""(kind, name) of what Kubernetes puts into every namespace."""
COMES_AND_GOES = frozenset({"Event", "Lease", "Endpoints", "EndpointSlice", "PodMetrics", "ControllerRevision"})
"""Kinds that Kubernetes makes and removes by itself: what others have in a namespace they don't tell."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose marks an application's objects carry."""

    installation: str
    namespace: str
    name: str

    @property
    def key(self) -> str:
        """`namespace/name` of the Application."""
        return f"{self.namespace}/{self.name}"

    @property
    def label(self) -> str:
        """The label's value: `<namespace>.<name>`, cut and hashed when it would be too long."""
        return label_value(self.namespace, self.name)

    @property
    def selector(self) -> str:
        """The label selector that finds the candidates."""
        return f"{LABEL}={self.label}"

    def tracking_id(self, target: ObjectId) -> str:
        """The annotation that describes this very object."""
        prefix = f"{self.installation}/{self.namespace}.{self.name}"
        return f"{prefix}:{target.group}/{target.kind}:{target.namespace}/{target.name}"


def label_value(namespace: str, name: str) -> str:
    """The value of the label for an Application, at most 63 signs."""
    plain = f"{namespace}.{name}"
    if len(plain) <= MAX_LABEL:
        return plain
    digest = hashlib.sha256(plain.encode()).hexdigest()[:12]
    return f"{plain[: MAX_LABEL - 13]}-{digest}"


def marked(manifest: Manifest, owner: Owner) -> dict[str, Any]:
    """The object with its marks, as it is sent. Only metadata: never selectors or pod templates.

    Raises InvalidSpecError naming the object when its labels or annotations are no map.
    """
    metadata = Fields(manifest.body, str(manifest.id)).inner("metadata")
    marks = {
        "labels": {**metadata.mapping("labels"), LABEL: owner.label},
        "annotations": {**metadata.mapping("annotations"), TRACKING_ID: owner.tracking_id(manifest.id)},
    }
    return {**manifest.body, "metadata": {**metadata.values, **marks}}


def is_marked(manifest: Manifest) -> bool:
    """Whether an object is sent with marks; the namespace of CreateNamespace is not."""
    return TRACKING_ID in manifest.annotations


def owned_by(live: Mapping[str, Any], owner: Owner) -> bool:
    """Whether all three marks say so."""
    return tracked_by(live) == _tracked(owner) and _well_marked(live, owner.label)


def other_owner(live: Mapping[str, Any], owner: Owner) -> str:
    """`installation/namespace.name` of another application whose three marks the object carries; empty: none."""
    found = tracked_by(live)
    label = texts((live.get("metadata") or {}).get("labels")).get(LABEL, "")
    return found if found and found != _tracked(owner) and _well_marked(live, label) else ""


def tracked_by(live: Mapping[str, Any]) -> str:
    """`installation/namespace.name` if the tracking annotation describes this very object, else empty."""
    written = texts((live.get("metadata") or {}).get("annotations")).get(TRACKING_ID, "")
    who, _, what = written.partition(":")
    target = identity(live)
    return who if what == f"{target.group}/{target.kind}:{target.namespace}/{target.name}" else ""


def is_labelled(live: Mapping[str, Any]) -> bool:
    """Whether an object bears the label, whatever its value: a watch by label sees it, and no other."""
    return LABEL in texts((live.get("metadata") or {}).get("labels"))


def is_candidate(live: Mapping[str, Any]) -> bool:
    """Whether an object found by label may be judged at all: not a Service's copy, not a controller's child."""
    if identity(live).group_kind in NOISE:
        return False
    owners = (live.get("metadata") or {}).get("ownerReferences") or []
    return not any(isinstance(entry, Mapping) and entry.get("controller") for entry in owners)


def _tracked(owner: Owner) -> str:
    return f"{owner.installation}/{owner.namespace}.{owner.name}"


def _well_marked(live: Mapping[str, Any], label: str) -> bool:
    found = texts((live.get("metadata") or {}).get("labels")).get(LABEL)
    return bool(label) and found == label and owns_label(live, MANAGER, LABEL)
