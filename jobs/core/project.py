"""AppProject: what an Application of it may read, and where and what it may write. Globs; an entry with `!` denies.

https://argo-cd.readthedocs.io/en/stable/user-guide/projects/
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jobs.core.application import Application
from jobs.core.cluster_secret import Cluster
from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.global_projects import FROM
from jobs.core.objects import ObjectId
from jobs.core.repository import Repository
from jobs.core.restrictions import unsupported_fields

Project = Mapping[str, Any] | None
"""An AppProject, with what its global projects add; None: there is none of that name, which only `default` may say."""
DEFAULT = "default"
"""The project every Application has that names none; allows everything unless somebody wrote it down otherwise."""
ALL = {
    "sourceRepos": ["*"],
    "sourceNamespaces": ["*"],
    "destinations": [{"server": "*", "namespace": "*"}],
    "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
}
"""The spec of `default` while nobody wrote it down, for what global projects add to it."""
OWN_CLUSTERS = "permitOnlyProjectScopedClusters"


def application_refusals(project: Project, application: Application, *, home: str) -> tuple[str, ...]:
    """Why the project does not allow this Application, as sentences. project: None: there is none of that name."""
    name = application.project
    if project is None:
        return () if name == DEFAULT else (f"spec.project: there is no AppProject {name} in namespace {home}",)
    spec = spec_of(project, name)
    found = [f"{spec.at(field)} is not supported yet" for field in unsupported_fields(spec.values)]
    urls = [source.repo_url for source in application.sources]
    refused = [url for url in urls if not _source_allowed(spec.texts("sourceRepos"), url)]
    found += [f"{spec.at('sourceRepos')} does not allow {_safe(url)}" for url in refused]
    if application.namespace != home and not _matches(spec.texts("sourceNamespaces"), application.namespace):
        found.append(f"{spec.at('sourceNamespaces')} does not allow namespace {application.namespace}")
    return tuple(found)


def destination_refusals(project: Project, application: Application, cluster: Cluster) -> tuple[str, ...]:
    """Why the project does not allow the Application's destination, as sentences."""
    if project is None:
        return ()
    spec, namespace = spec_of(project, application.project), application.destination.namespace
    found = []
    if spec.flag(OWN_CLUSTERS) and cluster.project != application.project:
        found.append(
            f"{spec.at(OWN_CLUSTERS)} does not allow cluster {cluster.name}, whose Secret does not name the project"
        )
    # Else a service account of that namespace, or its name in a chart, could be had without leave.
    if not _destination_allowed(spec, application, namespace, cluster):
        found.append(f"{spec.at('destinations')} does not allow {_place(namespace)} there")
    return tuple(found)


def spec_of(project: Project, name: str) -> Fields:
    """The spec of a project, to be read; empty when there is none."""
    written = project or {}
    inherited = written.get(FROM)
    title = f"AppProject {name}" + (f" (with {', '.join(inherited)})" if inherited else "")
    return Fields(Fields(written, title).mapping("spec"), f"{title}: spec")


def object_refusal(project: Project, application: Application, target: ObjectId, cluster: Cluster) -> str | None:
    """Why the project does not allow this object at the Application's destination; None: it does."""
    if project is None:
        return None
    spec = spec_of(project, application.project)
    if not _destination_allowed(spec, application, target.namespace, cluster):
        return f"{target}: {spec.at('destinations')} does not allow {_place(target.namespace)} there"
    allow, deny = ("namespaceResourceWhitelist", "namespaceResourceBlacklist")
    if not target.namespace:
        allow, deny = ("clusterResourceWhitelist", "clusterResourceBlacklist")
    # Namespaced kinds are allowed unless a list says otherwise; cluster-scoped ones need to be listed.
    permitted = _listed(spec, allow, target) if spec.has(allow) or not target.namespace else True
    kind = f"{target.group or 'core'}/{target.kind}"
    if not permitted:
        return f"{target}: {spec.at(allow)} does not list {kind}"
    return f"{target}: {spec.at(deny)} lists {kind}" if _listed(spec, deny, target) else None


def _place(namespace: str) -> str:
    return f"namespace {namespace}" if namespace else "namespace (cluster-scoped)"


def _source_allowed(patterns: Iterable[str], url: str) -> bool:
    """By the address as written or by its one name, so that no other form of it slips past a denial."""
    allowed = False
    for pattern in patterns:
        glob = pattern.removeprefix("!")
        if _glob(glob, url) or _glob(_one_name(glob), _one_name(url)):
            if pattern.startswith("!"):
                return False
            allowed = True
    return allowed


def _one_name(url: str) -> str:
    try:
        return Repository.of(url).name
    except InvalidSpecError:
        return url


def _destination_allowed(spec: Fields, application: Application, namespace: str, cluster: Cluster) -> bool:
    """By each name of the cluster, however the Application spells it: no other spelling slips past a denial.

    The clusters of a project are its destinations without being listed.
    https://argo-cd.readthedocs.io/en/stable/user-guide/projects/#project-scoped-repositories-and-clusters
    """
    allowed = cluster.project == application.project and cluster.scope.covers(namespace)
    for entry in spec.each("destinations"):
        server, name, wanted = entry.text("server"), entry.text("name"), entry.text("namespace")
        denies = any(text.startswith("!") for text in (server, name, wanted))
        here = bool(server) and _glob(server.lstrip("!"), cluster.server)
        here = here or (bool(name) and any(_glob(name.lstrip("!"), item) for item in cluster.called))
        # What has no namespace is denied by no namespace's name.
        there = _glob(wanted.lstrip("!"), namespace) if namespace else not wanted.startswith("!")
        if denies and here and there:
            return False
        allowed = allowed or (not denies and here and there)
    return allowed


def _listed(spec: Fields, name: str, target: ObjectId) -> bool:
    return any(
        _glob(entry.text("group"), target.group)
        and _glob(entry.text("kind"), target.kind)
        and _glob(entry.text("name") or "*", target.name)
        for entry in spec.each(name)
    )


def _matches(patterns: Iterable[str], text: str) -> bool:
    """Allowed by one pattern and denied by none."""
    given = tuple(patterns)
    if any(pattern.startswith("!") and _glob(pattern[1:], text) for pattern in given):
        return False
    return any(_glob(pattern, text) for pattern in given if not pattern.startswith("!"))


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    """`*` and `?` match any sign, `/` included, as people write `https://host/org/*`."""
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in re.sub(r"\*+", "*", glob))
    return re.compile("".join(parts), re.DOTALL)


def _glob(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


def _safe(url: str) -> str:
    """The address without user and password: conditions are read by many."""
    return re.sub(r"//[^/@]*@", "//", url)
