"""The versions a chart allows."""

import pytest

from jobs.core.errors import RenderError
from jobs.core.kube_version import allows, require_kube_version


@pytest.mark.parametrize(
    ("constraint", "version", "expected"),
    [
        (">=1.20", "v1.36.3", True),
        (">=1.40.0-0", "v1.36.3", False),
        ("1.36.3", "v1.36.3", True),
        ("v1.36.2", "v1.36.3", False),
        ("1.x", "1.36.3", True),
        (">= 1.20-0", "v1.36.3-eks-1", True),
        (">= 1.20", "v1.36.3-eks-1", False),
        ("nonsense", "v1.36.3", False),
    ],
)
def test_ranges(constraint: str, version: str, expected: bool) -> None:
    assert allows(constraint, version) is expected


def test_no_constraint_allows_everything() -> None:
    require_kube_version("", "v1.36.3")
    require_kube_version(">=9", "")


def test_the_suffix_of_a_hosted_cluster_does_not_matter() -> None:
    require_kube_version(">= 1.20", "v1.36.3-eks-1")
    require_kube_version(">= 1.20", "v1.36.3+k3s1")


def test_a_cluster_that_is_too_old_is_named() -> None:
    with pytest.raises(RenderError, match=r"needs kubeVersion >=9, and the cluster has Kubernetes v1\.36\.3"):
        require_kube_version(">=9", "v1.36.3")
