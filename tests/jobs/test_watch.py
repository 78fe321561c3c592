"""What is watched and swept, and whose matter an event or a list is: with given clusters, marks on a real queue."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from jobs import watch as module
from jobs.clusters import Reached
from jobs.core.application import IN_CLUSTER, KINDS, SKIP_RECONCILE, Destination
from jobs.core.discovery import ApiResource
from jobs.core.errors import InvalidSpecError, KubeError, NotFound, Refused, Unreachable
from jobs.core.inventory import LABEL, TRACKING_ID
from jobs.core.judged import Traces, trace_of
from jobs.core.objects import ObjectId, identity
from jobs.core.scope import WHOLE, Scope
from jobs.enqueue import Queue
from jobs.inbox import Heard
from jobs.kube_list import Listing
from jobs.kube_watch import Event, Listed
from jobs.settings import Settings
from jobs.valkey import QueueDown
from jobs.view import View
from jobs.watch import ClusterWatch, watch
from tests.builders import OWNER, a_body, a_live, a_manifest, an_application_body, merged
from tests.jobs.wire import CONFIG_MAPS, DEPLOYMENTS
from tests.valkey import until

Json = dict[str, Any]
KEY = "pilothouse/web"
LIVE = a_live(a_manifest(), metadata={"resourceVersion": "10"})
WEB = identity(LIVE)
SLICE = a_body("EndpointSlice", "web-x1", apiVersion="discovery.k8s.io/v1", metadata={"labels": {LABEL: OWNER.label}})


def an_application(name: str = "web", kinds: str = "ConfigMap", **over: Any) -> Json:
    return merged(an_application_body(metadata={"name": name, "annotations": {KINDS: kinds}}), over)


class Cluster:
    """An API server that serves some kinds; what its watches and lists tell is given."""

    def __init__(self, server: str = "https://one.example.org", *kinds: ApiResource) -> None:
        self.server = server
        self.kinds = {(each.group, each.kind): each for each in kinds or (CONFIG_MAPS,)}
        self.away: KubeError | None = None
        self.listing: Listing | KubeError = Listing((LIVE,), "20")
        self.lists: list[Json] = []
        self.places: set[str | None] = set()
        """Namespaces in which it was followed; None: the whole cluster."""
        self.followed: dict[str, asyncio.Queue[Listed | Event]] = {}
        """By kind, for as long as it is followed."""

    async def api_resource(self, group: str, kind: str) -> ApiResource:
        if self.away:
            raise self.away
        if (group, kind) not in self.kinds:
            raise NotFound(f"no kind {kind}", status=404)
        return self.kinds[group, kind]

    async def list(self, resource: ApiResource, place: str | None, **how: Any) -> Listing:
        assert place is None
        self.lists.append({"kind": resource.kind, **how})
        if isinstance(self.listing, KubeError):
            raise self.listing
        return self.listing

    async def follow(
        self, resource: ApiResource, *, namespace: str | None, **how: Any
    ) -> AsyncIterator[Listed | Event]:
        self.places.add(namespace)
        assert how == {"label_selector": LABEL, "metadata_only": True}
        events = self.followed[resource.kind] = asyncio.Queue()
        try:
            while True:
                yield await events.get()
        finally:
            del self.followed[resource.kind]


@dataclass
class Told:
    """Stands for the inbox: what it was told, in order."""

    of: list[tuple[str, ObjectId, Heard]] = field(default_factory=list)

    def put(self, key: str, target: ObjectId, heard: Heard) -> None:
        self.of.append((key, target, heard))

    async def run(self) -> None:
        await asyncio.Event().wait()


@dataclass
class Judgements:
    """Given traces; away as often as told."""

    known: dict[str, Traces] = field(default_factory=dict)
    away: int = 0

    async def read(self, keys: Iterable[str], cluster: str) -> dict[str, Traces]:
        if self.away:
            self.away -= 1
            raise QueueDown("away")
        return {key: self.known[key] for key in keys if key in self.known}


@dataclass
class Post:
    """The watches of one cluster, and what they stand on."""

    cluster: Cluster = field(default_factory=Cluster)
    view: View = field(default_factory=View)
    told: Told = field(default_factory=Told)
    judgements: Judgements = field(default_factory=Judgements)
    queue: Any = None
    sweep_s: float = 3600.0

    @asynccontextmanager
    async def at_work(self, *kinds: str) -> AsyncIterator["Post"]:
        """Once these kinds are followed."""
        settings = Settings().model_copy(update={"sweep_interval_s": self.sweep_s})
        parts: Any = SimpleNamespace(view=self.view, judgements=self.judgements, queue=self.queue, settings=settings)
        kube: Any = self.cluster
        inbox: Any = self.told
        working = asyncio.create_task(ClusterWatch(kube, WHOLE, parts, {IN_CLUSTER}, inbox).run())
        try:
            for kind in kinds or ("ConfigMap",):
                await until(lambda kind=kind: kind in self.cluster.followed)
            yield self
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def hear(self, told: Listed | Event, kind: str = "ConfigMap") -> list[tuple[str, ObjectId, Heard]]:
        """What the inbox is told after the watch told this: an event of another object, behind it, is awaited."""
        last = a_live(a_manifest("ConfigMap", "last"))
        self.cluster.followed[kind].put_nowait(told)
        self.cluster.followed[kind].put_nowait(Event("ADDED", last))
        await until(lambda: any(target == identity(last) for _, target, _ in self.told.of))
        found = [entry for entry in self.told.of if entry[1] != identity(last)]
        self.told.of.clear()
        return found


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.005)
    monkeypatch.setattr(module, "REREAD_S", 0.02)


@pytest.fixture
def post() -> Post:
    found = Post()
    found.view.put(an_application())
    return found


# --- events


@pytest.mark.parametrize(("kind", "gone"), [("ADDED", False), ("MODIFIED", False), ("DELETED", True)])
async def test_an_event_goes_to_the_application_of_the_object(post: Post, kind: str, gone: bool) -> None:
    async with post.at_work():
        assert await post.hear(Event(kind, LIVE)) == [(KEY, WEB, Heard(trace_of(LIVE), gone=gone))]


@pytest.mark.parametrize(
    "over",
    [
        {"labels": {LABEL: "somebody.else"}},
        {"labels": {LABEL: "pilothouse.other"}},  # of an Application that is there
        {"annotations": {TRACKING_ID: None}},
        {"annotations": {TRACKING_ID: "default/pilothouse.other:/ConfigMap:shop/another"}},  # copied from another
        {"annotations": {TRACKING_ID: "other-installation/pilothouse.web:/ConfigMap:shop/web"}},
    ],
)
async def test_who_changes_one_mark_does_not_make_the_object_anothers(post: Post, over: Json) -> None:
    post.view.put(an_application("other"))
    live = merged(LIVE, {"metadata": over})
    async with post.at_work():
        assert [key for key, _, _ in await post.hear(Event("MODIFIED", live))] == [KEY]


@pytest.mark.parametrize(
    "live",
    [
        merged(LIVE, {"metadata": {"labels": {LABEL: "somebody.else"}, "annotations": {TRACKING_ID: None}}}),
        merged(LIVE, {"metadata": {"labels": None, "annotations": None}}),
        SLICE,
    ],
    ids=["anothers", "nobodys", "a copy of a kind that it never applied"],
)
async def test_what_is_none_of_ours_is_ignored(post: Post, live: Json) -> None:
    async with post.at_work():
        assert await post.hear(Event("MODIFIED", live)) == []


@pytest.mark.parametrize(
    "over",
    [
        {"metadata": {"annotations": {SKIP_RECONCILE: "true"}}},
        {"spec": {"destination": {"server": "https://far.example.org"}}},
    ],
)
async def test_applications_that_are_left_alone_or_elsewhere_hear_nothing(post: Post, over: Json) -> None:
    post.view.put(an_application("other"))
    async with post.at_work():
        theirs = a_live(a_manifest(owner=OWNER))
        post.view.put(an_application(**over))
        post.cluster.followed["ConfigMap"].put_nowait(Event("MODIFIED", theirs))
        mine = merged(LIVE, {"metadata": {"labels": {LABEL: "pilothouse.other"}, "annotations": {TRACKING_ID: None}}})
        post.cluster.followed["ConfigMap"].put_nowait(Event("MODIFIED", mine))
        await until(lambda: post.told.of)
        assert [key for key, _, _ in post.told.of] == ["pilothouse/other"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"annotations": {"argocd.argoproj.io/hook": "PreSync"}},
        {"annotations": {"helm.sh/hook": "pre-install"}},
        {"ownerReferences": [{"controller": True}]},
    ],
)
async def test_hooks_and_a_controllers_children_are_told_apart(post: Post, metadata: Json) -> None:
    async with post.at_work():
        ((_, _, heard),) = await post.hear(Event("MODIFIED", merged(LIVE, {"metadata": metadata})))
        assert heard.odd
        ((_, _, heard),) = await post.hear(Event("MODIFIED", LIVE))
        assert not heard.odd


# --- lists


async def test_of_a_list_only_what_is_not_as_it_was_judged_is_told(post: Post) -> None:
    same, changed, unknown = (a_live(a_manifest("ConfigMap", name)) for name in ("same", "changed", "unknown"))
    gone = a_live(a_manifest("ConfigMap", "gone"))
    post.judgements.known[KEY] = {identity(each): trace_of(each) for each in (same, changed, gone)}
    changed = merged(changed, {"metadata": {"resourceVersion": "2"}})
    async with post.at_work():
        found = {target.name: heard for _, target, heard in await post.hear(Listed((same, changed, unknown), "30"))}
    assert found == {
        "changed": Heard(trace_of(changed), swept=True),
        "unknown": Heard(trace_of(unknown), swept=True),
        "gone": Heard(trace_of(merged(gone, {"metadata": {"resourceVersion": "30"}})), gone=True),
    }


async def test_an_object_that_bears_anothers_marks_now_is_missing(post: Post) -> None:
    post.judgements.known[KEY] = {WEB: trace_of(LIVE)}
    stolen = merged(LIVE, {"metadata": {"labels": {LABEL: "a.b"}, "annotations": {TRACKING_ID: None}}})
    async with post.at_work():
        ((key, target, heard),) = await post.hear(Listed((stolen,), "30"))
    assert (key, target, heard.gone) == (KEY, WEB, True)


async def test_objects_of_other_kinds_and_of_applications_left_alone_are_not_missed(post: Post) -> None:
    deployment = identity(a_live(a_manifest("Deployment")))
    post.judgements.known = {KEY: {deployment: trace_of(LIVE)}, "pilothouse/quiet": {WEB: trace_of(LIVE)}}
    post.view.put(an_application("quiet", metadata={"annotations": {SKIP_RECONCILE: "true"}}))
    async with post.at_work():
        assert await post.hear(Listed((), "30")) == []


async def test_a_list_that_valkey_could_not_judge_is_judged_later(post: Post) -> None:
    post.judgements.away = 3
    async with post.at_work():
        assert [target for _, target, _ in await post.hear(Listed((LIVE,), "30"))] == [WEB]


# --- the sweep


async def test_a_sweep_is_one_list_of_metadata_for_each_kind(post: Post) -> None:
    post.sweep_s = 0.01
    async with post.at_work():
        await until(lambda: post.told.of)
    assert post.told.of[0] == (KEY, WEB, Heard(trace_of(LIVE), swept=True))
    assert post.cluster.lists[0] == {
        "kind": "ConfigMap",
        "label_selector": LABEL,
        "metadata_only": True,
        "cached": True,
    }


async def test_a_kind_that_may_not_be_listed_is_compared_one_application_after_the_other(
    post: Post, queue: Queue
) -> None:
    post.sweep_s, post.queue = 0.01, queue
    post.cluster.listing = Refused("configmaps is forbidden", status=403)
    post.view.put(an_application("other", "Secret"))
    post.view.put(an_application("quiet", metadata={"annotations": {SKIP_RECONCILE: "true"}}))
    async with post.at_work():
        await until(lambda: queue.dirty("application", KEY))
    claim = await queue.claim()
    assert claim is not None
    assert (claim.key, claim.why, claim.background) == (KEY, "sweep", True)
    await queue.done(claim)
    assert (await queue.state()).background == 0


async def test_a_sweep_outlives_a_kind_that_is_gone_and_a_queue_that_is_away(post: Post) -> None:
    class Away:
        async def mark(self, marks: Any) -> None:
            raise QueueDown("away")

    post.sweep_s, post.queue = 0.01, Away()
    async with post.at_work():
        for answer in (NotFound("the CRD is gone", status=404), Unreachable("no answer")):
            post.cluster.listing, asked = answer, len(post.cluster.lists)
            await until(lambda asked=asked: len(post.cluster.lists) > asked + 1)
        post.cluster.listing = Listing((LIVE,), "20")
        await until(lambda: post.told.of)


# --- kinds that come and go


async def test_kinds_come_and_go_with_the_applications(post: Post) -> None:
    post.cluster.kinds["apps", "Deployment"] = DEPLOYMENTS
    followed = post.cluster.followed
    async with post.at_work():
        post.view.put(an_application(kinds="Deployment.apps"))
        await until(lambda: [*followed] == ["Deployment"])
        post.view.put(an_application("other"))
        await until(lambda: {*followed} == {"Deployment", "ConfigMap"})
        post.view.drop(KEY)
        post.view.drop("pilothouse/other")
        await until(lambda: not followed)


async def test_kinds_come_and_go_with_their_crds(post: Post) -> None:
    post.view.put(an_application(kinds="ConfigMap,Deployment.apps"))
    async with post.at_work():
        assert [*post.cluster.followed] == ["ConfigMap"]
        post.cluster.kinds["apps", "Deployment"] = DEPLOYMENTS
        await until(lambda: "Deployment" in post.cluster.followed)
        del post.cluster.kinds["apps", "Deployment"]
        await until(lambda: "Deployment" not in post.cluster.followed)


async def test_a_kind_that_cannot_be_watched_is_not(post: Post) -> None:
    post.cluster.kinds["apps", "Deployment"] = ApiResource(
        "apps", "Deployment", "v1", ("v1",), "deployments", True, frozenset({"get", "list"})
    )
    post.view.put(an_application(kinds="ConfigMap,Deployment.apps"))
    async with post.at_work():
        assert [*post.cluster.followed] == ["ConfigMap"]


async def test_while_nobody_says_what_there_is_the_watches_go_on(post: Post) -> None:
    async with post.at_work():
        before = post.cluster.followed["ConfigMap"]
        post.cluster.away = Unreachable("the API server restarts")
        post.view.put(an_application("other", "Secret"))
        looked = len(await post.hear(Event("MODIFIED", LIVE)))
        await asyncio.sleep(0.05)  # some looks at the kinds
        assert post.cluster.followed["ConfigMap"] is before
        assert looked == 1


# --- clusters that come and go


class Lead:
    """Leads at once, always."""

    def __init__(self) -> None:
        self.held: list[str] = []

    async def hold(self, name: str, work: Callable[[], Any]) -> None:
        self.held.append(name)
        try:
            await work()
        finally:
            await asyncio.sleep(0.01)  # letting go takes an answer of Valkey
            self.held.remove(name)


class Clusters:
    """By server."""

    def __init__(self, **known: Cluster) -> None:
        self.known: Mapping[str, Cluster] = known
        self.scope = WHOLE
        self.skipped: set[str] = set()

    async def at(self, destination: Destination, project: str) -> Reached:
        name = "home" if destination.is_home else destination.name
        if name not in self.known:
            raise InvalidSpecError(f"no cluster is known as {name}")
        kube: Any = self.known[name]
        cluster: Any = SimpleNamespace(
            name=kube.server.removeprefix("https://"), scope=self.scope, skipped=name in self.skipped
        )
        return Reached(cluster, kube)


@asynccontextmanager
async def watching(clusters: Clusters, lead: Lead, view: View) -> AsyncIterator[None]:
    parts: Any = SimpleNamespace(
        view=view, clusters=clusters, lead=lead, settings=Settings(), judgements=Judgements(), queue=None
    )
    task = asyncio.create_task(watch(parts))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def to(name: str) -> Json:
    return {"spec": {"destination": {"name": name, "server": None}}}


async def test_each_cluster_is_watched_once_however_many_applications_and_names_mean_it() -> None:
    home, far, lead, view = Cluster("https://home"), Cluster("https://far"), Lead(), View()
    names = ("in-cluster", "far", "same-as-far", "unknown")
    for name in names:
        view.put(an_application(name, **to(name)))
    async with watching(Clusters(**{"home": home, "far": far, "same-as-far": far}), lead, view):
        await until(lambda: home.followed and far.followed)
        assert sorted(lead.held) == ["watch:far:https://far", "watch:home:https://home"]
        for name in names[1:]:
            view.drop(f"pilothouse/{name}")
        await until(lambda: not far.followed)
        assert home.followed
    assert lead.held == [], "it has let go of all when it ends, so that another worker leads at once"


async def test_changed_credentials_begin_the_watches_anew() -> None:
    before, after, lead, view = Cluster("https://far"), Cluster("https://far"), Lead(), View()
    clusters = Clusters(far=before)
    view.put(an_application(**to("far")))
    async with watching(clusters, lead, view):
        await until(lambda: before.followed)
        clusters.known = {"far": after}
        await until(lambda: after.followed)
        assert not before.followed


async def test_a_name_that_comes_to_mean_a_cluster_is_heard_there_too() -> None:
    far, lead, view = Cluster("https://far"), Lead(), View()
    view.put(an_application("other", **to("far")))
    async with watching(Clusters(far=far, also=far), lead, view):
        await until(lambda: far.followed)
        view.put(an_application(kinds="Deployment.apps", **to("also")))
        far.kinds["apps", "Deployment"] = DEPLOYMENTS
        await until(lambda: "Deployment" in far.followed)
        assert lead.held == ["watch:far:https://far"], "without an interruption"


async def test_of_a_limited_cluster_only_its_namespaces_are_watched() -> None:
    far, lead, view = Cluster("https://far"), Lead(), View()
    clusters = Clusters(far=far)
    clusters.scope = Scope(("shop",))
    view.put(an_application(**to("far")))
    async with watching(clusters, lead, view):
        await until(lambda: far.followed)
    assert far.places == {"shop"}


async def test_a_cluster_that_is_left_alone_is_not_watched() -> None:
    home, far, lead, view = Cluster("https://home"), Cluster("https://far"), Lead(), View()
    clusters = Clusters(home=home, far=far)
    clusters.skipped = {"far"}
    view.put(an_application("home", **to("in-cluster")))
    view.put(an_application("far", **to("far")))
    async with watching(clusters, lead, view):
        await until(lambda: home.followed)
        assert lead.held == ["watch:home:https://home"]
