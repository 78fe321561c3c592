"""The rules of hooks, waves and prunes, for any Application, any commits on the way, and a worker killed anywhere.

What happened is read from the cluster's own log (world.py), never from what the engine says it did.
"""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core.hooks import HOOK_RUN
from jobs.core.inventory import LABEL
from jobs.core.objects import Manifest, ObjectId
from jobs.core.order import DeletePolicy, Phase, hook_of, wave_of
from tests.builders import a_manifest
from tests.jobs.core.sync_model import Commit, Worker
from tests.jobs.core.world import Entry, Fate, Killed, World

NAMES = [f"o{number}" for number in range(5)]
ROLES = ["", "", "", "PreSync", "PreSync", "Sync", "PostSync", "SyncFail", "PreSync,PostSync"]
CLAIMS = 80
"""More than enough for the deadlines of every phase of every commit."""


@dataclass
class Story:
    """What Git says and when, what becomes of the objects, and where the worker is killed."""

    commits: list[Commit]
    arrivals: list[int]
    """The claim at which each commit after the first is there."""
    fates: dict[tuple[str, int], Fate]
    kills: list[int]
    """Numbers of the moments, before and after each write, at which the worker is killed."""


@st.composite
def objects(draw: st.DrawFn, version: int) -> Manifest:
    """One object in any role, or none."""
    annotations = {}
    role = draw(st.sampled_from(ROLES))
    if role:
        policies = draw(st.lists(st.sampled_from(list(DeletePolicy)), min_size=1, max_size=2, unique=True))
        annotations["argocd.argoproj.io/hook"] = role
        annotations["argocd.argoproj.io/hook-delete-policy"] = ",".join(policies)
    annotations["argocd.argoproj.io/sync-wave"] = str(draw(st.integers(-1, 1)))
    name = draw(st.sampled_from(NAMES))
    return a_manifest("Job", name, metadata={"annotations": annotations}, spec={"version": version})


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Up to three commits."""
    commits, fates = [], {}
    for number in range(draw(st.integers(1, 3))):
        chosen = draw(st.lists(objects(number), max_size=5, unique_by=lambda item: item.id))
        refused = [item.id for item in chosen if draw(st.integers(0, 14)) == 0]
        commits.append(Commit(number, tuple(chosen), frozenset(refused)))
        for name in NAMES:
            end = draw(st.sampled_from(["well", "well", "well", "failed", "never"]))
            fates[name, number] = Fate(draw(st.integers(0, 2)), end, draw(st.sampled_from([0, 0, 1, 2, 99])))
    arrivals = sorted(draw(st.lists(st.integers(1, 8), min_size=len(commits) - 1, max_size=len(commits) - 1)))
    kills = draw(st.lists(st.integers(1, 40), max_size=3))
    return Story(commits, arrivals, fates, kills)


def played(story: Story) -> tuple[World, Worker, dict[str, Commit]]:
    """The story to its end: the cluster, the worker, and each operation's commit."""
    moments = Counter[str]()

    def killer() -> None:
        moments["all"] += 1
        if moments["all"] in story.kills:
            raise Killed

    world = World(story.fates, killer=killer)
    worker, operations, quiet = Worker(world), dict[str, Commit](), 0
    for number in range(CLAIMS):
        commit = story.commits[sum(arrival <= number for arrival in story.arrivals)]
        before = len(world.log)
        try:
            worker.claim(commit)
        except Killed:
            worker.crashed = True
        operations.setdefault(worker.operation, commit)
        world.tick()
        over = commit is story.commits[-1] and worker.phase != "Running" and not worker.crashed
        quiet = quiet + 1 if over and len(world.log) == before else 0
        if quiet == 3:
            return world, worker, operations
    raise AssertionError(f"the last run does not end: {worker.body['status']['operationState']}")


def operation_of(entry: Entry) -> str:
    return entry.ran_as.rpartition(".")[0]


def moment(item: Manifest, phase: str) -> tuple[int, int]:
    return Phase(phase).position, wave_of(item)


@settings(max_examples=100)
@given(stories())
def test_every_sync_keeps_the_rules_and_ends(story: Story) -> None:
    world, worker, operations = played(story)
    require_hooks_once(world)
    require_order(world, story, operations)
    require_alone(world)
    require_refused_untouched(world, story)
    require_prunes_in_waves(world, story)
    if worker.phase == "Succeeded":
        require_as_git_says(world, story.commits[-1])


def require_hooks_once(world: World) -> None:
    """A hook is created once in an operation and phase, whatever was killed and whoever deleted it."""
    runs = Counter((entry.body["metadata"]["name"], entry.ran_as) for entry in world.log if _ran(entry))
    assert all(count == 1 for count in runs.values()), runs


def _ran(entry: Entry) -> bool:
    return entry.what == "applied" and bool(entry.ran_as)


def require_order(world: World, story: Story, operations: dict[str, Commit]) -> None:
    """When a hook runs, all that its commit wants before it is well: hooks of the operation ended well, objects are."""
    ended_well: set[tuple[str, ObjectId]] = set()
    for entry in world.log:
        target = _id(entry)
        ended_well |= {(ran, one) for ran, one in _hooks_well(world, entry)}
        if not _ran(entry) or entry.ran_as.endswith(".SyncFail"):
            continue
        commit, phase = operations[operation_of(entry)], entry.ran_as.rpartition(".")[2]
        (item,) = (item for item in commit.manifests if item.id == target)
        for other in commit.manifests:
            hook = hook_of(other)
            for earlier in hook.phases if hook else (Phase.SYNC,):
                if earlier is Phase.SYNC_FAIL or moment(other, earlier) >= moment(item, phase):
                    continue
                ran_as = f"{operation_of(entry)}.{earlier}"
                fine = (ran_as, other.id) in ended_well if hook else other.id in entry.well
                assert fine, f"{entry.ran_as} of {target} before {other.id} in {earlier} was well"


def _hooks_well(world: World, until: Entry) -> list[tuple[str, ObjectId]]:
    """Hooks that are well at an entry: (HOOK_RUN, id)."""
    return [(ran, target) for ran, target in until.hooks if target in until.well]


def _id(entry: Entry) -> ObjectId:
    metadata = entry.body["metadata"]
    return ObjectId("batch", "Job", metadata["namespace"], metadata["name"])


def require_alone(world: World) -> None:
    """While a hook of one operation runs, nothing of another is applied."""
    for entry in world.log:
        if _ran(entry):
            others = {ran for ran in entry.running if ran.rpartition(".")[0] != operation_of(entry)}
            assert not others, f"{entry.ran_as} began while {others} still ran"


def require_refused_untouched(world: World, story: Story) -> None:
    """Of a commit with a refused object nothing is applied; only what is being deleted can't be judged before."""
    refused = {commit.number: commit.refused for commit in story.commits}
    for entry in world.log:
        if entry.what == "applied":
            assert not refused[entry.body["spec"]["version"]] - entry.going, entry


def require_prunes_in_waves(world: World, story: Story) -> None:
    """No object begins to go while one of a later wave that began before it is still there.

    Objects that are a hook in some commit don't count: they also go to make room for it.
    """
    hooks = {item.id for commit in story.commits for item in commit.manifests if hook_of(item)}
    going: dict[ObjectId, int] = {}
    for entry in world.log:
        target = _id(entry)
        if entry.what == "gone":
            going.pop(target, None)
        elif entry.what == "deleted" and target not in hooks:
            wave = int(entry.body["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
            later = [other for other, its in going.items() if its > wave]
            assert not later, f"{target} of wave {wave} goes while {later} are there"
            going[target] = wave


def require_as_git_says(world: World, commit: Commit) -> None:
    """After a success every object is there and nothing else of ours is, hooks apart."""
    wanted = {item.id: item.body["spec"] for item in commit.manifests if hook_of(item) is None}
    live = {
        target: body["spec"]
        for target, body in world.live.items()
        if "argocd.argoproj.io/hook" not in body["metadata"]["annotations"]
        and "deletionTimestamp" not in body["metadata"]
    }
    assert live == wanted
    assert all(LABEL in body["metadata"]["labels"] for body in world.live.values())
    assert not [target for target in wanted if HOOK_RUN in world.live[target]["metadata"]["annotations"]]
