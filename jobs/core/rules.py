"""What a plan is judged by, beside the objects: the Application, its project, the operation, its neighbours."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.core.application import Application
from jobs.core.cluster_secret import HOME_CLUSTER, Cluster
from jobs.core.inventory import Owner
from jobs.core.objects import ObjectId
from jobs.core.windows import Window


@dataclass(frozen=True, slots=True)
class Rules:
    """The circumstances of one comparison."""

    application: Application
    owner: Owner
    project: Mapping[str, Any] | None = None
    """The AppProject, with what its global projects add; None: there is none, which only `default` may say."""
    cluster: Cluster = HOME_CLUSTER
    """Where the objects go."""
    windows: tuple[Window, ...] = ()
    """Sync windows of the project that are about the Application."""
    operation: str = ""
    """Id of the running operation; empty while only looking."""
    prune: bool = False
    """Whether what Git no longer has is deleted."""
    allow_empty: bool = False
    neighbours: Container[str] = frozenset()
    """`installation/namespace.name` of every Application there is: an owner that is none of these counts as gone."""
    wanted_elsewhere: frozenset[ObjectId] = field(default_factory=frozenset)
    """Objects that another Application at the same destination wants."""
    made_here: frozenset[tuple[str, str]] = frozenset()
    """Kinds (group, kind) that a CRD of this plan defines."""
    namespaces_made: frozenset[str] = frozenset()
    """Namespaces that this plan makes, CreateNamespace included."""
    deployed_before: bool = False
    """Whether these very sources were deployed with success before."""
    applied: frozenset[ObjectId] = field(default_factory=frozenset)
    """Objects that the run under way has written already, also at an earlier claim."""
    partial: bool = False
    """Whether only some objects were asked for: then nothing is pruned."""
    grants: bool = False
    """Whether this plan holds Roles or bindings, without which a dry run may be forbidden."""
