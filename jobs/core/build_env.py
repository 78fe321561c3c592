"""Argo CD's build environment: which variables there are, and how `$NAME` in the spec becomes text.

https://argo-cd.readthedocs.io/en/stable/user-guide/build-environment/
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

VARIABLE = re.compile(r"\$(?:(\$)|\{([^{}]*)\}|([A-Za-z_][A-Za-z0-9_]*)|([*#@!?0-9-]))")


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What the variables are made of."""

    name: str
    namespace: str
    """Where the objects go: the destination's namespace."""
    project: str
    revision: str
    """The commit, 40 signs."""
    path: str
    repo_url: str
    target_revision: str
    kube_version: str
    api_versions: Sequence[str] = ()


def build_env(facts: BuildFacts) -> dict[str, str]:
    """The variables of one source of one application."""
    return {
        "ARGOCD_APP_NAME": facts.name,
        "ARGOCD_APP_NAMESPACE": facts.namespace,
        "ARGOCD_APP_PROJECT_NAME": facts.project,
        "ARGOCD_APP_REVISION": facts.revision,
        "ARGOCD_APP_REVISION_SHORT": facts.revision[:7],
        "ARGOCD_APP_REVISION_SHORT_8": facts.revision[:8],
        "ARGOCD_APP_SOURCE_PATH": facts.path,
        "ARGOCD_APP_SOURCE_REPO_URL": facts.repo_url,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": facts.target_revision,
        "KUBE_VERSION": facts.kube_version,
        "KUBE_API_VERSIONS": ",".join(facts.api_versions),
    }


def substituted(text: str, env: Mapping[str, str]) -> str:
    """Text with `$NAME` and `${NAME}` replaced, `$$` for a dollar sign; an unknown variable becomes nothing."""

    def value(match: re.Match[str]) -> str:
        dollar, braced, plain, special = match.groups()
        if dollar or braced == "$":
            return "$"
        return env.get(braced or plain or special or "", "")

    return VARIABLE.sub(value, text)
