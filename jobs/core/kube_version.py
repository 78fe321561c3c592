"""Whether a chart's `kubeVersion`, or a dependency's `version`, allows a version: Masterminds ranges, as Helm asks."""

import re

from jobs.core.errors import RenderError
from jobs.core.semver_range import range_of, version_of


def allows(constraint: str, version: str) -> bool:
    """Whether the version is in the range; a range or version that is none allows nothing, as in Helm."""
    wanted = range_of(f"={constraint}" if version_of(constraint) else constraint)
    found = version_of(version)
    return wanted is not None and found is not None and wanted.holds(found)


def require_kube_version(constraint: str, version: str) -> None:
    """Raise RenderError if the chart does not want this Kubernetes version. Empty text: no constraint."""
    # Helm 4 compares without the suffix that hosted clusters have (v1.36.3-eks-1), which ranges would take amiss.
    plain = re.split("[-+]", version)[0]
    if constraint and version and not allows(constraint, plain):
        raise RenderError(f"the chart needs kubeVersion {constraint[:200]}, and the cluster has Kubernetes {version}")
