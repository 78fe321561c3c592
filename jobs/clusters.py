"""What the home namespace says of clusters, repositories and projects, and the clients of the destination clusters."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from jobs.core.application import IN_CLUSTER, IN_CLUSTER_NAME, Destination
from jobs.core.cluster_secret import Cluster, ClusterCredentials, cluster_of
from jobs.core.discovery import ApiResource
from jobs.core.errors import InvalidSpecError, UnknownCluster
from jobs.core.objects import texts
from jobs.kube import Kube

TYPE_LABEL = "argocd.argoproj.io/secret-type"
SECRETS = ApiResource("", "Secret", "v1", ("v1",), "secrets", True, frozenset({"get", "list"}))
PROJECTS = ApiResource("argoproj.io", "AppProject", "v1alpha1", ("v1alpha1",), "appprojects", True, frozenset({"get"}))
CONFIG_MAPS = ApiResource("", "ConfigMap", "v1", ("v1",), "configmaps", True, frozenset({"get", "list"}))
FRESH_S = 5.0
"""How long what was read is believed, in seconds."""


class Home:
    """What stands in the home namespace beside Applications; read again every few seconds, not for every claim."""

    def __init__(self, kube: Kube, home: str) -> None:
        self._kube = kube
        self._home = home
        self._known: dict[str, tuple[float, tuple[dict[str, Any], ...]]] = {}
        self._reading: dict[str, asyncio.Lock] = {}

    async def of_type(self, kind: str) -> Sequence[dict[str, Any]]:
        """Secrets with the label `argocd.argoproj.io/secret-type: <kind>`."""
        return await self._read(kind, partial(self._list, kind))

    async def project(self, name: str) -> Mapping[str, Any] | None:
        """An AppProject; None: there is none. A change of it holds after FRESH_S at the latest."""
        found = await self._read(f"project/{name}", partial(self._one, PROJECTS, name))
        return found[0] if found else None

    async def config_map(self, name: str) -> Mapping[str, str]:
        """The data of a ConfigMap; empty: there is none."""
        found = await self._read(f"configmap/{name}", partial(self._one, CONFIG_MAPS, name))
        return texts(found[0].get("data")) if found else {}

    def is_fresh(self) -> bool:
        """Whether everything read so far is still believed, so that asking again costs no request."""
        oldest = min((read_at for read_at, _ in self._known.values()), default=float("-inf"))
        return time.monotonic() - oldest <= FRESH_S

    async def _list(self, kind: str) -> tuple[dict[str, Any], ...]:
        return (await self._kube.list(SECRETS, self._home, label_selector=f"{TYPE_LABEL}={kind}", cached=True)).items

    async def _one(self, resource: ApiResource, name: str) -> tuple[dict[str, Any], ...]:
        found = await self._kube.get(resource, self._home, name)
        return (found,) if found else ()

    async def _read(
        self, key: str, read: Callable[[], Awaitable[tuple[dict[str, Any], ...]]]
    ) -> tuple[dict[str, Any], ...]:
        async with self._reading.setdefault(key, asyncio.Lock()):
            read_at, items = self._known.get(key, (float("-inf"), ()))
            if time.monotonic() - read_at > FRESH_S:
                items = await read()
                self._known[key] = (time.monotonic(), items)
            return items


class Clusters:
    """One client per cluster, opened when first wanted and again when its Secret changed."""

    def __init__(self, home: Kube, written: Home) -> None:
        self._home = home
        self._written = written
        self._open: dict[str, tuple[ClusterCredentials, Kube]] = {}
        self._former: list[Kube] = []

    async def at(self, destination: Destination, project: str) -> Kube:
        """The destination's client. Raises InvalidSpecError when no Secret, or a broken one, describes it."""
        found = None if destination.is_home else await self._described(destination)
        if found is None:
            return self._home
        if found.project and found.project != project:
            raise InvalidSpecError(f"spec.destination: cluster {found.name} is reserved for project {found.project}")
        if found.namespaces:
            raise InvalidSpecError(
                f"spec.destination: cluster {found.name} is limited to some namespaces, which is not supported yet"
            )
        return self._client(found.name, found.credentials)

    async def close(self) -> None:
        """Ends the connections to all clusters but the home cluster."""
        for kube in (*(kube for _, kube in self._open.values()), *self._former):
            await kube.close()
        self._open.clear()
        self._former.clear()

    async def _described(self, destination: Destination) -> Cluster:
        broken: list[str] = []
        for secret in await self._written.of_type("cluster"):
            try:
                cluster = cluster_of(secret)
            except InvalidSpecError as error:
                broken.append(error.message)
                continue
            if destination.name == cluster.name or destination.server == cluster.credentials.server:
                return cluster
        named = destination.name or destination.server
        hint = f" ({'; '.join(broken)})" if broken else ""
        said = (
            f"spec.destination: no cluster is known as {named}; use {IN_CLUSTER_NAME}, {IN_CLUSTER}, "
            f"or add a Secret labelled {TYPE_LABEL}=cluster{hint}"
        )
        # A Secret that can't be read may be the one: then nobody may take the cluster for gone.
        raise InvalidSpecError(said) if broken else UnknownCluster(said)

    def _client(self, name: str, credentials: ClusterCredentials) -> Kube:
        # By name: two Secrets may give one server with two accounts.
        known = self._open.get(name)
        if known and known[0] == credentials:
            return known[1]
        kube = Kube.at(credentials)
        self._open[name] = (credentials, kube)
        if known:
            self._former.append(known[1])  # runs may still use it; its idle connections end by themselves
        return kube
