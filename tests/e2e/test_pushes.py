"""Many pushes to one repository: looked at together, and none of them dropped."""

from dataclasses import replace

from jobs import metrics
from jobs.core.repository import Repository
from jobs.enqueue import Mark
from jobs.pace import Pace
from jobs.view import View
from tests.e2e.harness import Flow
from tests.e2e.objects import config_map


def fetches() -> float:
    return metrics.FETCHES._value.get()


async def test_pushes_that_come_too_soon_are_fetched_together_and_the_last_is_deployed(sandbox_flow: Flow) -> None:
    flow, now = sandbox_flow, [0.0]
    flow.repo.push({"app/web.yaml": config_map(colour="0")})
    await flow.deploy()
    flow.parts = replace(flow.parts, pace=Pace(60.0, clock=lambda: now[0]))
    await flow.push({"app/web.yaml": config_map(colour="1")})
    await flow.step()  # its turn is taken
    await flow.settle()
    before = fetches()
    now[0] = 20.0
    await flow.push({"app/web.yaml": config_map(colour="2")})
    again = await flow.step()
    assert again is not None
    assert (again.in_s, again.not_before_s, again.why) == (40.0, 40.0, "push")
    for colour in range(3, 20):
        last = await flow.push({"app/web.yaml": config_map(colour=str(colour))})
    assert await flow.ground.queue.claim() is None, "all of them wait for the next turn"
    assert fetches() == before

    now[0] = 60.0
    name = Repository.of(flow.url).name
    await flow.ground.queue.mark(Mark("repository", name, "push", ends_backoff=True))
    claim = await flow.ground.queue.claim()
    assert claim is not None
    assert claim.hints["after"] == last
    await flow.ground.queue.hand_back(claim)
    await flow.settle()
    assert fetches() == before + 1
    assert (await flow.live("ConfigMap", "web"))["data"]["colour"] == "19"


async def test_a_push_that_waited_for_a_worker_is_not_dropped_before_its_applications_are_known(
    sandbox_flow: Flow,
) -> None:
    flow = sandbox_flow
    starting = View(["elsewhere"])
    flow.parts = replace(flow.parts, view=starting)
    after = await flow.push({"app/web.yaml": config_map()})
    again = await flow.step()
    assert again is not None
    assert again.in_s is not None
    assert again.hints["after"] == after
    starting.listed("elsewhere")
    await flow.pushed(after)
    assert await flow.step() is None, "nobody uses it: now that is known"
