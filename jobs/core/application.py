"""The Application: what a person wrote, read once and checked. Meaning of the fields: docs/applications.md.

Its shape is Argo CD's (https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/). What a field
leads to is decided elsewhere; here it only gets a name and a type.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields, Problem
from jobs.core.fingerprint import digest
from jobs.core.objects import metadata_of, texts
from jobs.core.readable import status_of
from jobs.core.repository import Repository
from jobs.core.source import Source, source_of
from jobs.core.sync_policy import SyncPolicy, policy_of

IN_CLUSTER = "https://kubernetes.default.svc"
"""The server of the cluster Pilothouse runs in (Argo CD's name for it)."""
IN_CLUSTER_NAME = "in-cluster"

REFRESH = "argocd.argoproj.io/refresh"
"""Annotation: compare now; `hard` also renders anew. Removed once it was acted on."""
SKIP_RECONCILE = "argocd.argoproj.io/skip-reconcile"
RUN = "pilothouse.dev/run"
"""Annotation: the run that may write the status now (design.md 5)."""
KINDS = "pilothouse.dev/kinds"
"""Annotation: comma list of `Kind.group` that were ever applied, where pruning looks."""
SOURCE_KEY = "pilothouse.dev/source-key"
"""Annotation: the key of what was last deployed with success, and its failure count."""
PHASE = "pilothouse.dev/phase"
"""Annotation: `<phase> <time>`: in which phase the running sync waits, and since when."""
PHASE_TIMEOUT = "pilothouse.dev/phase-timeout"
"""Annotation: how long each phase of a sync may wait (core/deadline.py)."""
DELETION_APPROVED = "argocd.argoproj.io/deletion-approved"
MAX_GROUP = 253
"""Characters of a cluster's name in its limit group."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the objects go. Exactly one of server and name is set."""

    server: str
    name: str
    namespace: str

    @property
    def is_home(self) -> bool:
        """Whether it is the cluster where the Applications live."""
        return self.server == IN_CLUSTER or self.name == IN_CLUSTER_NAME

    @property
    def key(self) -> str:
        """One name for the cluster, for limits and caches."""
        return IN_CLUSTER if self.is_home else (self.server or self.name)


@dataclass(frozen=True, slots=True)
class Application:
    """One Application object as it was read."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    sources: tuple[Source, ...]
    destination: Destination
    project: str
    policy: SyncPolicy
    ignore_differences: tuple[Mapping[str, Any], ...]
    """`spec.ignoreDifferences` as written."""
    history_limit: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    deleting: bool = False
    """Whether it has a deletionTimestamp."""
    operation: Mapping[str, Any] | None = None
    """The top-level `operation` somebody asked for; None: nothing is asked."""
    status: Mapping[str, Any] = field(default_factory=dict, repr=False)
    spec: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The spec as written, for `comparedTo`."""

    @property
    def key(self) -> str:
        """`namespace/name`: its name in the queue, logs and messages."""
        return f"{self.namespace}/{self.name}"

    @property
    def limit_group(self) -> str:
        """Whom it shares a limit with: all that goes to its cluster, so that a slow one holds up nobody else."""
        return cluster_group(self.destination.key)

    @property
    def limit_groups(self) -> str:
        """The group of its cluster and that of its first repository, separated by a space."""
        urls = [source.repo_url for source in self.sources[:1]]
        return " ".join([self.limit_group, *filter(None, map(repository_group, urls))])


@lru_cache(maxsize=10_000)
def repository_group(url: str) -> str:
    """The limit group of a repository by any of its addresses; empty: it has none that makes sense."""
    try:
        name = Repository.of(url).name
    except InvalidSpecError:
        return ""
    is_word = name.isprintable() and " " not in name and len(name) <= MAX_GROUP
    return f"repo:{name}" if is_word else f"repo:{digest(name).hex()}"


def cluster_group(name: str) -> str:
    """The limit group of a cluster by its name or address; one word, whatever somebody wrote there."""
    is_word = name.isprintable() and " " not in name and len(name) <= MAX_GROUP
    return f"cluster:{name}" if is_word else f"cluster:{digest(name).hex()}"


def application_of(body: Mapping[str, Any], problems: list[Problem] | None = None) -> Application:
    """An Application object as data. Raises InvalidSpecError naming the first field that makes no sense.

    With a list for problems all are noted there instead, and the Application is of use only if there is none.
    Of the status, which is rebuilt anyway, what makes no sense is left out.
    """
    whole = Fields(body, "", problems)
    metadata, spec = whole.inner("metadata"), whole.inner("spec")
    return Application(
        namespace=metadata.text("namespace"),
        name=metadata.text("name"),
        uid=metadata.text("uid"),
        resource_version=metadata.text("resourceVersion"),
        generation=metadata.number("generation", 0),
        sources=_sources(spec),
        destination=_destination(spec),
        project=spec.text("project") or "default",
        policy=policy_of(spec.inner("syncPolicy")),
        ignore_differences=tuple(entry.values for entry in spec.each("ignoreDifferences")),
        history_limit=max(0, spec.number("revisionHistoryLimit", 10)),
        annotations=texts(metadata.mapping("annotations")),
        finalizers=metadata.texts("finalizers"),
        deleting=metadata.has("deletionTimestamp"),
        operation=_operation(whole) if whole.has("operation") else None,
        status=status_of(body.get("status")),
        spec=spec.values,
    )


def unreadable(body: Mapping[str, Any]) -> Application:
    """An Application whose spec makes no sense, with just enough to say so in its status."""
    metadata, operation, spec = metadata_of(body), body.get("operation"), body.get("spec")
    return Application(
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata.get("name") or ""),
        uid=str(metadata.get("uid") or ""),
        resource_version=str(metadata.get("resourceVersion") or ""),
        generation=0,
        sources=(),
        destination=Destination("", "", ""),
        project="",
        policy=SyncPolicy(),
        ignore_differences=(),
        history_limit=10,
        annotations=texts(metadata.get("annotations")),
        finalizers=tuple(item for item in _listed(metadata.get("finalizers")) if isinstance(item, str)),
        deleting=bool(metadata.get("deletionTimestamp")),
        operation=operation if isinstance(operation, Mapping) else None,
        status=status_of(body.get("status")),
        spec=spec if isinstance(spec, Mapping) else {},
    )


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _operation(whole: Fields) -> Mapping[str, Any]:
    """The operation as written, once all of it that is read has its shape."""
    asked = whole.inner("operation")
    sync = asked.inner("sync")
    asked.inner("initiatedBy").flag("automated")
    sync.text("revision")
    sync.texts("revisions")
    sync.inner("source")
    for name in ("prune", "dryRun"):
        sync.flag(name)
    for name in ("resources", "sources"):
        sync.each(name)
    return asked.values


def _sources(spec: Fields) -> tuple[Source, ...]:
    """`sources` wins over `source`, as in Argo CD."""
    if spec.items("sources"):
        return tuple(source_of(item) for item in spec.each("sources"))
    if spec.has("source"):
        return (source_of(spec.inner("source")),)
    spec.refuse("source", "is missing: name a repository (repoURL) and a path in it")
    return ()


def _destination(spec: Fields) -> Destination:
    fields = spec.inner("destination")
    server, name = fields.text("server").rstrip("/"), fields.text("name")
    if server and name:
        spec.refuse("destination", "has both server and name: keep one of them")
    if not server and not name:
        spec.refuse("destination", "needs a server or a name")
    return Destination(server, name, fields.text("namespace"))
