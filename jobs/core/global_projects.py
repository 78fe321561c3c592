"""Global projects: what the AppProjects they are for inherit, by the key `globalProjects` of the ConfigMap `argocd-cm`.

https://argo-cd.readthedocs.io/en/stable/user-guide/projects/#configuring-global-projects-v18
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import yaml

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.objects import metadata_of, texts

OPTION = "globalProjects"
INHERITED = (
    "namespaceResourceBlacklist",
    "namespaceResourceWhitelist",
    "clusterResourceBlacklist",
    "clusterResourceWhitelist",
    "syncWindows",
    "sourceRepos",
    "destinations",
)
"""Lists of a global project that come after the project's own."""
FROM = "inheritsFrom"
"""Key of a project as it is used here, beside `spec`: the names of its global projects, for messages."""


def global_names(project: Mapping[str, Any], options: Mapping[str, str]) -> tuple[str, ...]:
    """The global projects of a project, by its labels; never itself. options: the data of `argocd-cm`.

    Raises InvalidSpecError when the option makes no sense: what can't be read may restrict this very project.
    """
    name, labels = str(metadata_of(project).get("name") or ""), texts(metadata_of(project).get("labels"))
    entries = [(entry.text("projectName"), _selects(entry.inner("labelSelector"), labels)) for entry in _read(options)]
    return tuple(dict.fromkeys(other for other, selected in entries if selected and other != name))


def with_globals(project: Mapping[str, Any], globals_: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The project with all that it inherits."""
    spec, names = dict(project.get("spec") or {}), []
    for other in globals_:
        names.append(str(metadata_of(other).get("name") or ""))
        given = other.get("spec") or {}
        spec |= {name: [*(spec.get(name) or []), *given[name]] for name in INHERITED if given.get(name) is not None}
    return {**project, "spec": spec, FROM: names} if names else project


def _read(options: Mapping[str, str]) -> tuple[Fields, ...]:
    return Fields({OPTION: _parsed(options.get(OPTION, ""))}, "ConfigMap argocd-cm").each(OPTION)


@lru_cache(maxsize=4)
def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InvalidSpecError(f"ConfigMap argocd-cm.{OPTION} is not YAML") from None


def _selects(selector: Fields, labels: Mapping[str, str]) -> bool:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements"""
    same = all(labels.get(key) == value for key, value in selector.mapping("matchLabels").items())
    return all([same, *(_holds(entry, labels) for entry in selector.each("matchExpressions"))])


def _holds(entry: Fields, labels: Mapping[str, str]) -> bool:
    operator = entry.text("operator")
    if operator not in _OPERATORS:
        raise InvalidSpecError(f"{entry.at('operator')} must be one of {', '.join(_OPERATORS)}")
    return _OPERATORS[operator](labels.get(entry.text("key")), entry.texts("values"))


_OPERATORS: Mapping[str, Callable[[str | None, tuple[str, ...]], bool]] = {
    "In": lambda label, values: label in values,
    "NotIn": lambda label, values: label not in values,
    "Exists": lambda label, _: label is not None,
    "DoesNotExist": lambda label, _: label is None,
}
