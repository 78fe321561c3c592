"""The sources of an application: at which commits they are now, what rendering would read there, and the render itself.

The stage between Git and the plan. Which files a source means is decided in core (value_files.py, chart_files.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from jobs import metrics
from jobs.claim import Claim
from jobs.core.affected import compared_revisions
from jobs.core.application import REFRESH, Application
from jobs.core.build_env import BuildFacts
from jobs.core.chart_files import needed
from jobs.core.chosen import chosen as choose
from jobs.core.deletion import deployed_revisions
from jobs.core.errors import FetchError, InvalidSpecError
from jobs.core.render_request import OWN, Rendered, RenderRequest, without_repeats
from jobs.core.repository import Repository
from jobs.core.run import Aim
from jobs.core.source import Source
from jobs.core.source_key import Facts, SourceInputs, source_key
from jobs.core.tree import Tree
from jobs.core.wanted import revisions_wanted
from jobs.mirror import Mirror
from jobs.parts import Parts

RENDERER = "helm-4"
"""Version of the built-in renderer, part of every source key."""


@dataclass(frozen=True, slots=True)
class Place:
    """One source at its exact revision: a checkout without files on disk."""

    source: Source
    mirror: Mirror
    revision: str
    tree: Tree


@dataclass(frozen=True, slots=True)
class Reading:
    """What the render of one source reads."""

    request: RenderRequest
    """Without its archives: the files are only read if there is no earlier answer."""
    archives: Mapping[str, tuple[Place, tuple[str, ...]]]
    """Archive name -> where its files are, and which."""
    missing: tuple[str, ...]
    """Value files that are not there and need not be."""

    @property
    def objects(self) -> dict[str, str]:
        """Path -> object id of all that is read, for the source key."""
        found = {
            f"{name}:{path}": entry.id
            for name, (where, paths) in self.archives.items()
            for path in paths
            if (entry := where.tree.get(path))
        }
        return found | dict.fromkeys(self.missing, "")


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources of an application, resolved."""

    aim: Aim
    chosen: tuple[Reading, ...]
    """One for each source that is rendered; those that only lend files to others are not here."""

    @property
    def types(self) -> tuple[str, ...]:
        """The tool of each rendered source."""
        return tuple(str(item.request.tool) for item in self.chosen)


async def aim(application: Application, claim: Claim, parts: Parts) -> Sources:
    """Where the sources are now. The mirror is believed while it says what the push or the status says, else fetched.

    So a sweep asks no Git host, and a worker whose mirror is old never goes back to an old commit. Raises StageError.
    """
    if claim.why not in ("manual", "changed") and REFRESH not in application.annotations:
        places = await _places(application, parts, fetch=False)
        if _is_known(tuple(place.revision for place in places), application, claim):
            return await _aimed(application, places, parts)
    return await _aimed(application, await _places(application, parts, fetch=True), parts)


async def aim_at_mirror(application: Application, parts: Parts, found: "Found | None" = None) -> Sources:
    """Where the sources are by the mirror as it is; a repository that was never fetched is. Raises StageError.

    found: what was found for other applications a moment ago; many of them share one repository and revision.
    """
    return await _aimed(application, await _places(application, parts, fetch=False, found=found), parts)


async def aim_deployed(application: Application, parts: Parts) -> Sources:
    """Where the sources were when they were last deployed; where they are now if that can't be had. Raises StageError.

    For hooks of a deletion: the folder may be gone from Git together with the Application.
    """
    revisions = deployed_revisions(application)
    try:
        return await _aimed(application, await _deployed_places(application, revisions, parts), parts)
    except FetchError:
        return await _aimed(application, await _places(application, parts, fetch=True), parts)


async def _deployed_places(application: Application, revisions: tuple[str, ...], parts: Parts) -> tuple[Place, ...]:
    """Each source at its commit, which the mirror mostly has: then no Git host is asked."""
    if not revisions:
        raise FetchError("nothing was deployed yet")
    places = []
    for source, revision in zip(application.sources, revisions, strict=True):
        mirror = await parts.mirrors.at(source.repo_url, project=application.project)
        places.append(Place(source, mirror, revision, await mirror.tree(revision)))
    return tuple(places)


def _is_known(revisions: tuple[str, ...], application: Application, claim: Claim) -> bool:
    """Whether the mirror is at what the mark says; an empty hint: Git did not answer when it was last asked."""
    hinted = claim.hints.get("revisions")
    return revisions == (compared_revisions(application) if hinted is None else tuple(hinted.split(",")))


Found = dict[tuple[str, str, str, str], tuple[Mirror, str, Tree]]
"""Address, project, revision wanted and tag prefix -> mirror, commit and its tree."""


async def _places(
    application: Application, parts: Parts, *, fetch: bool, found: Found | None = None
) -> tuple[Place, ...]:
    """Each source at its revision."""
    known: Found = {} if found is None else found
    places = []
    for source, wanted in zip(application.sources, revisions_wanted(application), strict=True):
        if source.chart:
            raise InvalidSpecError("spec.source.chart: charts of a Helm repository are not supported yet; use Git")
        key = (source.repo_url, application.project, wanted, source.tag_prefix)
        if key not in known:
            known[key] = await _found(source, application.project, wanted, parts, fetch=fetch)
        mirror, revision, tree = known[key]
        places.append(Place(source, mirror, revision, tree))
    return tuple(places)


async def _found(source: Source, project: str, wanted: str, parts: Parts, *, fetch: bool) -> tuple[Mirror, str, Tree]:
    mirror = await parts.mirrors.at(source.repo_url, project=project)
    snapshot = mirror.latest
    if fetch or snapshot is None:
        metrics.FETCHES.inc()
        snapshot = await mirror.refresh()
    revision = (await mirror.resolve(wanted, snapshot, source.tag_prefix)).revision
    return mirror, revision, await mirror.tree(revision)


async def _aimed(application: Application, places: tuple[Place, ...], parts: Parts) -> Sources:
    cluster = (await parts.clusters.at(application.destination, application.project)).kube
    api_versions = parts.memory.complete_api_versions(cluster.server, await cluster.discovery())
    facts = Facts(await cluster.version(), api_versions)
    lent = {place.source.ref: place for place in places if place.source.ref}
    chosen: list[Reading] = []
    inputs: list[SourceInputs] = []
    for place in places:
        if place.source.ref and not place.source.path:
            continue  # it only lends its files
        item = await _choose(application, place, lent, facts, parts)
        chosen.append(item)
        inputs.append(SourceInputs(item.request, item.objects))
    renderer = str(parts.settings.helm_binary or RENDERER)
    key = source_key(application.key, inputs, facts, renderer)
    return Sources(Aim(tuple(place.revision for place in places), key), tuple(chosen))


async def _choose(
    application: Application, place: Place, lent: Mapping[str, Place], facts: Facts, parts: Parts
) -> Reading:
    """What one source renders and which files that takes."""
    trees = {OWN: place.tree, **{name: other.tree for name, other in lent.items()}}
    found = choose(application, place.source, trees, _build_facts(application, place, facts))
    archives = {}
    for name, paths in found.paths.items():
        where = lent[name] if name else place
        archives[name] = (where, await _all_needed(where, paths, parts))
    return Reading(found.request, archives, tuple(map(str, found.missing)))


def _build_facts(application: Application, place: Place, facts: Facts) -> BuildFacts:
    return BuildFacts(
        name=application.name,
        namespace=application.destination.namespace,
        project=application.project,
        revision=place.revision,
        path=place.source.path,
        repo_url=place.source.repo_url,
        target_revision=place.source.target_revision,
        kube_version=facts.kube_version,
        api_versions=facts.api_versions,
    )


async def _all_needed(place: Place, paths: Iterable[str], parts: Parts) -> tuple[str, ...]:
    """The files and folders, with all that local dependencies and symlinks lead to."""
    contents: dict[str, bytes] = {}
    while True:
        found = needed(place.tree, paths, contents)
        entries = {path: entry for path in found.unread if (entry := place.tree.get(path))}
        if not entries:
            return found.paths
        read = await parts.memory.small_files([entry.id for entry in entries.values()], place.mirror.blobs)
        contents |= {path: read[entry.id] for path, entry in entries.items()}


async def render(found: Sources, parts: Parts) -> Rendered:
    """The manifests of all sources together; of an object rendered twice the last one wins, with a warning."""
    rendered = [await _render(item, f"{found.aim.key}:{index}", parts) for index, item in enumerate(found.chosen)]
    if len(rendered) == 1:
        return rendered[0]
    together = without_repeats(tuple(manifest for item in rendered for manifest in item.manifests))
    warnings = (*(warning for item in rendered for warning in item.warnings), *together.warnings)
    return Rendered(together.manifests, warnings)


async def _render(item: Reading, key: str, parts: Parts) -> Rendered:
    known = parts.renderers.known(key)
    if known is not None:
        return known
    archives = {
        name: await place.mirror.archive(place.revision, paths) for name, (place, paths) in item.archives.items()
    }
    metrics.RENDERS.inc()
    return await parts.renderers.render(replace(item.request, archives=archives, key=key))


def addresses(applications: Iterable[Application], repository: str) -> tuple[tuple[str, str], ...]:
    """(address, project) of each source in a repository, once: one may be written in several forms."""
    found = dict.fromkeys(
        (source.repo_url, application.project)
        for application in applications
        for source in application.sources
        if _name(source.repo_url) == repository
    )
    return tuple(found)


@lru_cache(maxsize=10_000)
def _name(url: str) -> str:
    try:
        return Repository.of(url).name
    except InvalidSpecError:
        return ""
