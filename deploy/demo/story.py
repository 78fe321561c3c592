"""The story: one step after another, each telling what was done and what was then seen in the cluster.

A step is an async generator of Did and Saw; it raises StoryError when something else was seen. How it is shown:
terminal.py. What may be asked of the cluster: scene.py.
"""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from deploy.demo import repository
from deploy.demo.cluster import collection
from deploy.demo.git_server import RefUpdate
from deploy.demo.repository import BANNER, DEPLOYMENT, ENVIRONMENTS, NAME
from deploy.demo.scene import Scene, StoryError
from deploy.demo.stage import Pushed

"""How often the demo's worker compares the cluster with Git; 60 s unless set, and never oftener than this."""
ERROR = "ComparisonError"
PLACE = re.compile(r"templates/deployment\.yaml:(\d+)")


@dataclass(frozen=True, slots=True)
class Did:
    """Something a person or a machine did, as a command one could type."""

    command: str


@dataclass(frozen=True, slots=True)
class Saw:
    """Something that was then true in the cluster."""

    what: str
    took_s: float | None = None
    """Seconds since the cause: the webhook, or the edit; None: not a matter of time."""


Told = AsyncIterator[Did | Saw]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story."""

    title: str
    about: str
    play: Callable[[Scene], Told]


async def first_deploy(scene: Scene) -> Told:
    """Charts are pushed, two Applications are created."""
    yield Did("git push origin main")
    pushed = await scene.stage.push(NAME, repository.files(scene.image), "Add the shop's chart")
    yield Did("kubectl apply -f shop-staging.yaml -f shop-prod.yaml")
    started = time.monotonic()
    url = scene.stage.git_url(NAME)
    for environment in ENVIRONMENTS:
        application = repository.application(environment, home=scene.stage.home, repository_url=url)
        await scene.stage.cluster.apply(application)
    for environment in ENVIRONMENTS:
        yield await _runs(scene, environment, scene.image.old, started)
    yield await _settled(scene, pushed.revision, started)


async def release_to_staging(scene: Scene) -> Told:
    """CI writes a new tag into one values file."""
    before = await _versions(scene, "prod")
    values = repository.values_file("staging")
    yield Did(f"yq -i '.image.tag = \"{scene.image.new}\"' {values}")
    yield Did(f'git commit -am "Release {scene.image.new} to staging" && git push')
    changed = repository.bump(scene.read(values), "staging", scene.image.new)
    pushed = await scene.stage.push(NAME, changed, f"Release {scene.image.new} to staging")
    yield await _runs(scene, "staging", scene.image.new, pushed.known_at)
    yield await _settled(scene, pushed.revision, pushed.known_at)
    after = await _versions(scene, "prod")
    if before != after:
        raise StoryError(f"prod's objects stay at {before}", f"{after}")
    yield Saw(f"prod is untouched: its {len(after)} objects have the resourceVersions they had")


async def edit_by_hand(scene: Scene) -> Told:
    """Somebody changes the cluster without Git."""
    wanted = scene.deployment("prod")["spec"]["replicas"]
    yield Did("kubectl -n shop-prod scale deployment shop --replicas=7")
    path = f"{collection('apps/v1', 'deployments', 'shop-prod')}/shop"

    def replicas() -> int:
        return int(scene.deployment("prod")["spec"]["replicas"])

    # Waited for from before the edit: it is put back so soon that who looks afterwards may miss it.
    seven = scene.until(lambda: replicas() == 7, "7 replicas in prod for a moment", lambda: f"{replicas()} replicas")
    seen = asyncio.create_task(seven)
    await asyncio.sleep(0)
    await scene.stage.cluster.edit(path, {"spec": {"replicas": 7}}, manager="kubectl-edit")
    started = await seen
    healed = await scene.until(lambda: replicas() == wanted, f"{wanted} replicas", lambda: f"{replicas()} replicas")
    yield Saw(f"prod has {wanted} replicas again, put back by the watch on what is deployed", healed - started)


async def remove_a_template(scene: Scene) -> Told:
    """A file goes from the chart."""
    yield Did(f"git rm {BANNER}")
    yield Did('git commit -m "The sale is over" && git push')
    pushed = await scene.stage.push(NAME, {BANNER: None}, "The sale is over")
    for environment in ENVIRONMENTS:
        yield await _gone(scene, environment, pushed.known_at)
    if not all(scene.has("shop", environment) for environment in ENVIRONMENTS):
        raise StoryError("ConfigMap shop stays in staging and prod", "it was pruned too")
    yield await _settled(scene, pushed.revision, pushed.known_at)


async def undo_by_revert(scene: Scene) -> Told:
    """The release was a bad one."""
    release = await scene.copy.git("log", "-1", "--format=%h", "--grep=^Release")
    yield Did(f"git revert {release} && git push")
    await scene.copy.revert(release)
    pushed = await scene.stage.push(NAME)
    yield await _runs(scene, "staging", scene.image.old, pushed.known_at)
    yield await _settled(scene, pushed.revision, pushed.known_at)


async def forge_a_webhook(scene: Scene) -> Told:
    """A stranger who does not know the secret."""
    worker = scene.stage.worker_url(scene.stage.workers[0])

    async def work() -> tuple[float, float]:
        marked = await scene.counted(scene.stage.receiver_url, "pilothouse_mark_seconds_count")
        return marked, await scene.counted(worker, "pilothouse_fetches_total")

    before = await work()
    yield Did(f"curl -d '{{\"ref\": ...}}' -H 'X-Hub-Signature-256: sha256=...' {scene.stage.receiver_url}/api/webhook")
    head = await scene.copy.head()
    update = RefUpdate(f"{NAME}.git", "refs/heads/main", before=head, after="f" * 40)
    delivery = await scene.stage.hook.send(update, secret=secrets.token_hex(16))
    if delivery.status != 401:
        raise StoryError("401", f"{delivery.status} {delivery.answer}")
    yield Saw("refused with 401", delivery.answered_at - delivery.sent_at)
    after = await work()
    if before != after:
        raise StoryError(f"marks and fetches stay at {before}", f"{after}")
    yield Saw("nothing was queued, nothing was fetched")


async def break_the_chart(scene: Scene) -> Told:
    """A template that cannot be rendered, and its undoing."""
    images = {environment: scene.image_of(environment) for environment in ENVIRONMENTS}
    yield Did(f"vi {DEPLOYMENT}   # quote becomes qoute")
    yield Did('git commit -am "Tidy up" && git push')
    pushed = await scene.stage.push(NAME, repository.broken(scene.read(DEPLOYMENT)), "Tidy up")
    reported = await scene.until(
        lambda: all(ERROR in scene.conditions(each) for each in ENVIRONMENTS),
        f"a {ERROR} on both Applications",
        scene.states,
    )
    message = scene.conditions("staging")
    if not PLACE.search(message):
        raise StoryError("file and line of the mistake in the condition", message)
    yield Saw(message, reported - pushed.known_at)
    running = {environment: scene.image_of(environment) for environment in ENVIRONMENTS}
    if running != images:
        raise StoryError(f"the old version keeps running: {images}", f"{running}")
    yield Saw(f"staging and prod keep running {images['prod']}")
    yield Did("git revert HEAD && git push")
    await scene.copy.revert()
    yield await _settled_after(scene, await scene.stage.push(NAME))


STORY = (
    Step("First deploy", "One chart, two Applications: staging and prod differ in a values file.", first_deploy),
    Step("CI releases to staging", "CI has no access to the cluster: the commit is the trigger.", release_to_staging),
    Step("Somebody edits the cluster", "selfHeal: what Git says comes back.", edit_by_hand),
    Step("A template is removed", "What Git no longer has is pruned; nothing else is.", remove_a_template),
    Step("The release was a bad one", "Undone with git revert: the Git history is the audit.", undo_by_revert),
    Step("A forged webhook", "Only who knows the secret is listened to.", forge_a_webhook),
    Step("A broken chart", "Reported with file and line; what runs keeps running.", break_the_chart),
)


async def _runs(scene: Scene, environment: str, tag: str, since: float) -> Saw:
    """The new image, in the Deployment as a watch sees it."""
    image = scene.image.at(tag)
    seen = await scene.until(
        lambda: scene.image_of(environment) == image,
        f"{environment} runs {image}",
        lambda: f"{scene.image_of(environment) or 'no Deployment'}; {scene.states()}",
    )
    return Saw(f"{environment} runs {image}", seen - since)


async def _gone(scene: Scene, environment: str, since: float) -> Saw:
    """The banner's ConfigMap is no longer there."""
    expected = f"no ConfigMap shop-sale-banner in shop-{environment}"
    seen = await scene.until(lambda: not scene.has("shop-sale-banner", environment), expected, scene.states)
    return Saw(f"ConfigMap shop-sale-banner is gone from {environment}", seen - since)


async def _settled(scene: Scene, revision: str, since: float) -> Saw:
    """Both Applications report the revision as Synced and Healthy."""
    expected = f"both Applications Synced and Healthy at {revision[:8]}"
    seen = await scene.until(
        lambda: all(scene.settled(each, revision) for each in ENVIRONMENTS), expected, scene.states
    )
    return Saw(f"both Applications report {revision[:8]}: Synced, Healthy", seen - since)


async def _settled_after(scene: Scene, pushed: Pushed) -> Saw:
    saw = await _settled(scene, pushed.revision, pushed.known_at)
    if left := " ".join(scene.conditions(each) for each in ENVIRONMENTS).strip():
        raise StoryError("no conditions on the Applications", left)
    return saw


async def _versions(scene: Scene, environment: str) -> dict[str, str]:
    """The resourceVersion of each object the chart makes, by kind and name."""
    kinds = {"deployments": "apps/v1", "services": "v1", "configmaps": "v1", "serviceaccounts": "v1"}
    found: dict[str, str] = {}
    for plural, api_version in kinds.items():
        path = collection(api_version, plural, f"shop-{environment}")
        listed = await scene.stage.cluster.request("GET", path, params={"labelSelector": "app.kubernetes.io/name=shop"})
        found |= {
            f"{plural}/{item['metadata']['name']}": item["metadata"]["resourceVersion"] for item in listed["items"]
        }
    return found
