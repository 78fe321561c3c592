"""What the home namespace says of clusters, repositories and projects, and the clients of the destination clusters."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from jobs.core.application import IN_CLUSTER, IN_CLUSTER_NAME, Destination
from jobs.core.cluster_secret import HOME_CLUSTER, Cluster, ClusterCredentials, cluster_of, names_of
from jobs.core.discovery import ApiResource
from jobs.core.errors import InvalidSpecError, StageError, UnknownCluster
from jobs.core.objects import texts
from jobs.kube import Kube, Pulse

TYPE_LABEL = "argocd.argoproj.io/secret-type"
SECRETS = ApiResource("", "Secret", "v1", ("v1",), "secrets", True, frozenset({"get", "list", "watch"}))
PROJECTS = ApiResource("argoproj.io", "AppProject", "v1alpha1", ("v1alpha1",), "appprojects", True, frozenset({"get"}))
CONFIG_MAPS = ApiResource("", "ConfigMap", "v1", ("v1",), "configmaps", True, frozenset({"get", "list"}))
FRESH_S = 60.0
"""How long what was read is believed, in seconds; a watch says sooner that it changed (surroundings.py)."""
ANSWER_S = 2.0
"""How long somebody who has other things to do waits for a cluster, in seconds."""


class Home:
    """What stands in the home namespace beside Applications; read again when it changed, not for every claim."""

    def __init__(self, kube: Kube, home: str) -> None:
        self._kube = kube
        self._home = home
        self._known: dict[str, tuple[float, tuple[dict[str, Any], ...]]] = {}
        self._reading: dict[str, asyncio.Lock] = {}

    async def of_type(self, kind: str) -> Sequence[dict[str, Any]]:
        """Secrets with the label `argocd.argoproj.io/secret-type: <kind>`."""
        return await self._read(kind, partial(self._list, kind))

    async def project(self, name: str) -> Mapping[str, Any] | None:
        """An AppProject; None: there is none."""
        found = await self._read(f"project/{name}", partial(self._one, PROJECTS, name))
        return found[0] if found else None

    async def options(self) -> Mapping[str, str]:
        """What administrators set for the whole installation, by Argo CD's keys; our own ConfigMap wins."""
        theirs, ours = await asyncio.gather(self.config_map("argocd-cm"), self.config_map("pilothouse-cm"))
        return {**theirs, **ours}

    async def config_map(self, name: str) -> Mapping[str, str]:
        """The data of a ConfigMap; empty: there is none."""
        found = await self._read(f"configmap/{name}", partial(self._one, CONFIG_MAPS, name))
        return texts(found[0].get("data")) if found else {}

    def forget(self) -> None:
        """Something there has changed: read anew what is asked for next."""
        self._known.clear()

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


@dataclass(frozen=True, slots=True)
class Reached:
    """A destination cluster: what its Secret says of it, and the client."""

    cluster: Cluster
    kube: Kube


@dataclass(frozen=True, slots=True)
class _Open:
    credentials: ClusterCredentials
    kube: Kube
    pulse: Pulse


class Clusters:
    """One client per cluster, opened when first wanted and again when its Secret changed."""

    def __init__(self, home: Kube, written: Home) -> None:
        self._home = home
        self._written = written
        self._open: dict[str, _Open] = {}
        self._former: list[Kube] = []

    async def at(self, destination: Destination, project: str) -> Reached:
        """The destination's client. Raises InvalidSpecError when no Secret, or a broken one, describes it."""
        found = await self.described(destination)
        if found.project and found.project != project:
            raise InvalidSpecError(f"spec.destination: cluster {found.name} is reserved for project {found.project}")
        return Reached(found, self._client(found))

    async def skips(self, destination: Destination) -> bool:
        """Whether nothing is done there for now: its Secret says so, of all Applications that go there."""
        try:
            return (await self.described(destination)).skipped
        except InvalidSpecError:
            return False  # the run says what is wrong

    async def described(self, destination: Destination) -> Cluster:
        """What is known of the destination; raises as `at`. A Secret may say more of the home cluster, too."""
        named = HOME_CLUSTER.names if destination.is_home else {destination.name or destination.server}
        secrets = await self._written.of_type("cluster")
        for secret in secrets:
            if named & names_of(secret):
                return cluster_of(secret)
        if destination.is_home:
            return HOME_CLUSTER
        said = (
            f"spec.destination: no cluster is known as {destination.name or destination.server}; "
            f"use {IN_CLUSTER_NAME}, {IN_CLUSTER}, or add a Secret labelled {TYPE_LABEL}=cluster"
        )
        # A Secret that can't be read may be the one: then nobody may take the cluster for gone.
        raise UnknownCluster(said) if all(map(_is_readable, secrets)) else InvalidSpecError(said)

    def felt(self) -> Iterator[tuple[frozenset[str], bool]]:
        """Name and address of each cluster that was asked, and whether it answers; the home cluster is left out."""
        for name, client in self._open.items():
            yield frozenset({name, client.credentials.server}), client.pulse.is_well

    async def answers(self, destination: Destination) -> bool:
        """Whether a cluster answers in time; asked only if it was not asked lately. The home cluster always counts."""
        if destination.is_home:
            return True
        try:
            kube = self._client(await self.described(destination))
            async with asyncio.timeout(ANSWER_S):
                await kube.discovery()
                await kube.version()
        except (StageError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """Ends the connections to all clusters but the home cluster."""
        for kube in (*(client.kube for client in self._open.values()), *self._former):
            await kube.close()
        self._open.clear()
        self._former.clear()

    def _client(self, cluster: Cluster) -> Kube:
        if cluster.is_home and not cluster.credentials.says_who:
            return self._home
        # By name: two Secrets may give one server with two accounts.
        known = self._open.get(cluster.name)
        if known and known.credentials == cluster.credentials:
            return known.kube
        pulse = Pulse()
        kube = Kube.at(cluster.credentials, pulse=pulse)
        self._open[cluster.name] = _Open(cluster.credentials, kube, pulse)
        if known:
            self._former.append(known.kube)  # runs may still use it; its idle connections end by themselves
        return kube


def _is_readable(secret: Mapping[str, Any]) -> bool:
    try:
        cluster_of(secret)
    except InvalidSpecError:
        return False
    return True
