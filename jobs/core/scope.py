"""Which part of a cluster Pilothouse may look at and change: all of it, or only what its cluster Secret names."""

from dataclasses import dataclass

from jobs.core.discovery import ApiResource
from jobs.core.objects import ObjectId


@dataclass(frozen=True, slots=True)
class Scope:
    """`namespaces` and `clusterResources` of a cluster Secret.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#clusters
    """

    namespaces: tuple[str, ...] = ()
    """The only namespaces that are looked at; empty: all, and what is cluster-scoped, too."""
    cluster_resources: bool = True
    """Whether cluster-scoped objects are, beside named namespaces."""

    def places(self, resource: ApiResource) -> tuple[str | None, ...]:
        """Where a kind is listed: in each of these namespaces, or once in the whole cluster (None), or nowhere.

        An account with a Role in some namespaces may not list the whole cluster, so nothing is asked of it there.
        """
        if not self.namespaces:
            return (None,)
        if resource.namespaced:
            return self.namespaces
        return (None,) if self.cluster_resources else ()

    def covers(self, namespace: str) -> bool:
        """Whether objects of a namespace are looked at; empty: those that are cluster-scoped."""
        if not self.namespaces:
            return True
        return namespace in self.namespaces if namespace else self.cluster_resources

    def refusal(self, target: ObjectId, cluster: str) -> str:
        """Why an object may not be at the cluster of that name; empty: it may."""
        if self.covers(target.namespace):
            return ""
        limits = f"its Secret limits cluster {cluster} to the namespaces {', '.join(self.namespaces)}"
        way_out = f"add {target.namespace}" if target.namespace else "set clusterResources to true"
        return f"{limits}; {way_out} there"


WHOLE = Scope()
"""All of a cluster."""
