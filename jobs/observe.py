"""What the cluster has and what it would have: live objects, and the server-side dry run of each wanted one.

Reads only; what follows from it is decided in core/plan.py. Lists come from the API server's cache (cheap, a moment
old); a dry run answers on top of the live state, so a stale read shows as another resourceVersion and is read again.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.core.cluster_secret import HOME_CLUSTER, Cluster
from jobs.core.discovery import ApiResource, Discovery
from jobs.core.errors import KubeError, NotFound, Overloaded, Refused, Unauthorized, Unreachable
from jobs.core.fingerprint import digest, fingerprint
from jobs.core.hooks import ran_as
from jobs.core.inventory import BORN_WITH_NAMESPACE, COMES_AND_GOES, MANAGER, Owner, is_candidate
from jobs.core.objects import Manifest, ObjectId, identity
from jobs.core.plan import Observed
from jobs.core.restrictions import compares_admission
from jobs.core.scope import Scope
from jobs.kube import Kube
from jobs.together import answers, together

PARALLEL = 8
"""Requests of one application that are under way at once."""
REREADS = 3
"""How often an object that changes between read and dry run is read again before the last answer is taken."""
BELIEVED_S = 600.0
"""How long a comparison is believed: admission on the server may change without a trace on the object."""
REMEMBERED = 50_000
"""Objects whose last comparison a worker remembers; about 200 bytes each."""

FILES = 4096
"""Chart.yaml files and symlink targets remembered; some hundred bytes each."""

SILENT = (Overloaded, Unauthorized, Unreachable)
"""No answer about an object is no refusal of it: the run fails as a whole, and is tried again."""

Json = dict[str, Any]


@dataclass(slots=True)
class Memory:
    """Objects that were found as wanted, by cluster and id: unchanged on both sides, they need no dry run."""

    known: "OrderedDict[tuple[str, ObjectId], tuple[bytes, float]]" = field(default_factory=OrderedDict)
    """The pair, and when it was compared, on the monotonic clock."""
    api_versions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    files: "OrderedDict[str, bytes]" = field(default_factory=OrderedDict)

    def complete_api_versions(self, cluster: str, discovery: Discovery) -> tuple[str, ...]:
        """The API versions to render with: while a group does not answer, the last complete ones.

        Raises Unreachable when there were none: charts would silently leave out what they think is not served.
        """
        if discovery.complete:
            self.api_versions[cluster] = discovery.api_versions
        elif cluster not in self.api_versions:
            raise Unreachable(f"not all API groups answer, and never did: {', '.join(discovery.stale)}")
        return self.api_versions[cluster]

    async def small_files(
        self, ids: Iterable[str], read: Callable[[list[str]], Awaitable[Mapping[str, bytes]]]
    ) -> dict[str, bytes]:
        """Contents by object id: those read before, and the rest by `read`. An id's content never changes."""
        wanted = set(ids)
        missing = sorted(wanted - self.files.keys())
        self.files.update(await read(missing) if missing else {})
        found = {name: self.files[name] for name in wanted}
        while len(self.files) > FILES:
            self.files.popitem(last=False)
        return found

    def is_known(self, cluster: str, manifest: Manifest, live: Mapping[str, Any]) -> bool:
        """Whether this very pair of manifest and live object was compared before, with no difference."""
        pair, compared_at = self.known.get((cluster, manifest.id), (b"", 0.0))
        return time.monotonic() - compared_at < BELIEVED_S and pair == _pair(manifest, live)

    def learn(self, cluster: str, manifest: Manifest, live: Mapping[str, Any]) -> None:
        """Remember that the live object is as the manifest says."""
        self.known[(cluster, manifest.id)] = (_pair(manifest, live), time.monotonic())
        self.known.move_to_end((cluster, manifest.id))
        while len(self.known) > REMEMBERED:
            self.known.popitem(last=False)


def _pair(manifest: Manifest, live: Mapping[str, Any]) -> bytes:
    return digest(manifest.body) + fingerprint(live)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to observe."""

    manifests: tuple[Manifest, ...]
    """With their marks; hooks included when a full sync is meant."""
    dry_run_names: Mapping[ObjectId, str]
    """Objects to dry-run under another name, since an older one stands in the way (hooks)."""
    kinds: frozenset[tuple[str, str]]
    """Kinds (group, kind) that were ever applied: where candidates for pruning are looked for."""
    owner: Owner
    cluster: Cluster = HOME_CLUSTER
    """What may be looked at there."""
    fresh: bool = False
    """Whether lists must not be a moment old."""
    operation: str = ""
    """Id of the run: hooks that it ran are not tried again."""


async def observe(wanted: Wanted, kube: Kube, memory: Memory) -> Observed:
    """Everything the plan needs to know. Raises KubeError when the API server can't be asked at all."""
    discovery = await kube.discovery()
    versions = {manifest.id.group_kind: manifest.version for manifest in wanted.manifests}
    live, incomplete = await labelled(
        wanted.owner, wanted.kinds, versions, kube, wanted.cluster.scope, fresh=wanted.fresh
    )
    found_by_label = frozenset(live)
    looks = await together(
        (_look(manifest, wanted, live, kube, memory) for manifest in wanted.manifests), at_once=PARALLEL
    )
    predicted, problems = {}, {}
    for manifest, found in zip(wanted.manifests, looks, strict=True):
        if found.live is not None:
            live[manifest.id] = found.live
        else:
            live.pop(manifest.id, None)  # gone since it was listed
        if found.predicted is not None:
            predicted[manifest.id] = found.predicted
        if found.problem is not None:
            problems[manifest.id] = found.problem
    ids = {manifest.id for manifest in wanted.manifests}
    contents = await _contents([live[item] for item in found_by_label - ids], kube, discovery, wanted.owner)
    return Observed(live, predicted, problems, found_by_label, tuple(incomplete), contents)


@dataclass(frozen=True, slots=True)
class _Look:
    live: Json | None = None
    predicted: Json | None = None
    problem: KubeError | None = None


async def labelled(
    owner: Owner,
    kinds: frozenset[tuple[str, str]],
    versions: Mapping[tuple[str, str], str],
    kube: Kube,
    scope: Scope,
    *,
    fresh: bool = False,
) -> tuple[dict[ObjectId, Json], list[str]]:
    """Objects that carry the owner's label, of all kinds that may have some, and why the list may be too short.

    versions: of each rendered kind, the API version to read it in. What is outside of the scope is not asked for.
    fresh: not even a moment old.
    """
    discovery = await kube.discovery()
    resources, incomplete = [], [f"API group version {name} does not answer" for name in discovery.stale]
    for group, kind in sorted(kinds | set(versions)):
        resource = discovery.find(group, kind, versions.get((group, kind))) or discovery.find(group, kind)
        if resource is not None and "list" in resource.verbs:
            resources.append(resource)
    places = [(resource, place) for resource in resources for place in scope.places(resource)]
    lists = await answers(
        (kube.list(item, place, label_selector=owner.selector, cached=not fresh) for item, place in places),
        at_once=PARALLEL,
    )
    live: dict[ObjectId, Json] = {}
    for (resource, place), listing in zip(places, lists, strict=True):
        if isinstance(listing, KubeError):
            incomplete.append(f"{resource.kind}{f' in {place}' if place else ''}: {listing.message}")
            continue
        live.update({identity(item): item for item in listing.items if is_candidate(item)})
    return live, incomplete


async def _look(
    manifest: Manifest, wanted: Wanted, known: Mapping[ObjectId, Json], kube: Kube, memory: Memory
) -> _Look:
    outside = wanted.cluster.scope.refusal(manifest.id, wanted.cluster.name)
    if outside:
        return _Look(problem=Refused(outside))
    try:
        resource = await kube.api_resource(manifest.id.group, manifest.id.kind, manifest.version)
        # A hook that was just run must be seen, and not its former object: a list may be a moment old.
        found = None if manifest.id in wanted.dry_run_names else known.get(manifest.id)
        live = found or await kube.get(resource, manifest.id.namespace, manifest.id.name)
        if ran_as(live).startswith(f"{wanted.operation}."):
            return _Look(live)
        asked = compares_admission(manifest.annotations)  # what admission would do now, only a dry run tells
        if live is not None and not asked and memory.is_known(kube.server, manifest, live):
            return _Look(live, live)
        return await _predict(manifest, live, resource, wanted, kube)
    except SILENT:
        raise  # it says nothing about the object
    except KubeError as error:
        return _Look(known.get(manifest.id), problem=error)


async def _predict(manifest: Manifest, live: Json | None, resource: ApiResource, wanted: Wanted, kube: Kube) -> _Look:
    """The dry run, and the live object it was made on."""
    body = dict(manifest.body)
    other_name = wanted.dry_run_names.get(manifest.id)
    if other_name:
        body["metadata"] = {**body["metadata"], "name": other_name}
    for _ in range(REREADS):
        try:
            answer = await kube.apply(body, resource, manager=MANAGER, dry_run=True)
        except SILENT:
            raise
        except KubeError as error:
            return _Look(live, problem=error)
        predicted: Json = answer.body
        if other_name or live is None or _version(predicted) == _version(live):
            break
        live = await kube.get(resource, manifest.id.namespace, manifest.id.name)
    return _Look(live, predicted)


def _version(body: Mapping[str, Any]) -> str:
    return str((body.get("metadata") or {}).get("resourceVersion") or "")


async def _contents(
    gone: Iterable[Json], kube: Kube, discovery: Discovery, owner: Owner
) -> dict[ObjectId, tuple[str, ...]]:
    """What Namespaces and CRDs that Git no longer has hold of others: deleting them would delete that too."""
    found: dict[ObjectId, tuple[str, ...]] = {}
    for body in gone:
        target = identity(body)
        if target.group_kind == ("", "Namespace"):
            found[target] = await _others(discovery.in_namespaces, target.name, kube, owner)
        elif target.group_kind == ("apiextensions.k8s.io", "CustomResourceDefinition"):
            spec = body.get("spec") or {}
            defined = discovery.find(str(spec.get("group")), str((spec.get("names") or {}).get("kind")))
            found[target] = await _others([defined] if defined else [], None, kube, owner)
    return found


async def _others(resources: Iterable[ApiResource], namespace: str | None, kube: Kube, owner: Owner) -> tuple[str, ...]:
    """Objects there that are not this application's and not made by a controller; a failed list counts as one."""
    asked = [item for item in resources if item.kind not in COMES_AND_GOES]
    lists = await answers((kube.list(item, namespace, metadata_only=True) for item in asked), at_once=PARALLEL)
    found: list[str] = []
    for resource, listing in zip(asked, lists, strict=True):
        if isinstance(listing, NotFound):
            continue
        if isinstance(listing, KubeError):
            found.append(f"{resource.kind} that can't be listed")
            continue
        found += [str(identity(item)) for item in listing.items if _is_of_others(item, owner)]
    return tuple(sorted(found))


def _is_of_others(item: Json, owner: Owner) -> bool:
    target, metadata = identity(item), item.get("metadata") or {}
    if (target.kind, target.name) in BORN_WITH_NAMESPACE or not is_candidate(item):
        return False
    return (metadata.get("labels") or {}).get("pilothouse.dev/application") != owner.label
