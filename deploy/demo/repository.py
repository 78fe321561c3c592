"""The demo's repository and its two Applications. The files are in `shop/`; here is what people change in them."""

import re
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.cluster import Object

FILES = Path(__file__).parent / "shop"
NAME = "gitops"
CHART = "charts/shop"
BANNER = f"{CHART}/templates/sale-banner.yaml"
DEPLOYMENT = f"{CHART}/templates/deployment.yaml"
ENVIRONMENTS = ("staging", "prod")


@dataclass(frozen=True, slots=True)
class Image:
    """An image with two releases; a real cluster has to be able to pull it."""

    repository: str
    old: str
    new: str

    def at(self, tag: str) -> str:
        """As a Pod names it."""
        return f"{self.repository}:{tag}"


MADE_UP = Image("ghcr.io/example/shop", "1.4.0", "1.5.0")
REAL = Image("registry.k8s.io/pause", "3.9", "3.10")
"""Small, public, and does nothing."""


def values_file(environment: str) -> str:
    """Where the tag of an environment is written."""
    return f"{CHART}/values-{environment}.yaml"


def files(image: Image = MADE_UP) -> dict[str, str]:
    """The repository's first commit."""
    found = {str(path.relative_to(FILES)): path.read_text() for path in sorted(FILES.rglob("*")) if path.is_file()}
    found[f"{CHART}/values.yaml"] = found[f"{CHART}/values.yaml"].replace(MADE_UP.repository, image.repository)
    for environment in ENVIRONMENTS:
        found |= bump(found[values_file(environment)], environment, image.old)
    return found


def bump(values: str, environment: str, tag: str) -> dict[str, str]:
    """What CI changes after it built an image: the tag in one values file, given as it is now."""
    return {values_file(environment): re.sub(r'tag: "[^"]*"', f'tag: "{tag}"', values)}


def broken(template: str) -> dict[str, str]:
    """The Deployment's template with a slip of the keyboard: a function that does not exist."""
    return {DEPLOYMENT: template.replace(".Values.image.tag | quote }}", ".Values.image.tag | qoute }}")}


def application(environment: str, *, home: str, repository_url: str) -> Object:
    """An ordinary Argo CD Application, which Pilothouse takes as it is."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": f"shop-{environment}", "namespace": home},
        "spec": {
            "project": "default",
            "source": {
                "repoURL": repository_url,
                "targetRevision": "main",
                "path": CHART,
                "helm": {"releaseName": "shop", "valueFiles": [f"values-{environment}.yaml"]},
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": f"shop-{environment}"},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["CreateNamespace=true"],
            },
        },
    }
