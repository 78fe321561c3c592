"""The sweep marks what became due, on a real queue."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from jobs.core.moment import Moment
from jobs.enqueue import Queue
from jobs.settings import Settings
from jobs.sweep import Sweep, mark_everything
from jobs.view import View
from tests.builders import NOON, an_application_body


class Surroundings:
    """What the sweep needs of Parts, with a clock that is moved by hand."""

    def __init__(self, queue: Queue, names: int = 3) -> None:
        self.queue, self.view, self.settings = queue, View(), Settings(audit_interval_s=60, git_poll_interval_s=180)
        self.at = NOON
        for number in range(names):
            self.view.put(an_application_body(metadata={"name": f"web-{number}"}))

    def now(self) -> Moment:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at = replace(self.at, seconds=self.at.seconds + seconds)


async def claimed(queue: Queue) -> list[tuple[str, str]]:
    found = []
    while (claim := await queue.claim()) is not None:
        found.append((f"{claim.kind}:{claim.key}", claim.why))
        await queue.done(claim)
    return sorted(found)


@pytest.fixture
def around(queue: Queue) -> Any:
    return Surroundings(queue)


async def test_every_application_and_repository_is_due_once_an_interval(around: Any) -> None:
    sweep = Sweep(around)
    await sweep.tick()
    found: list[tuple[str, str]] = []
    for _ in range(36):
        around.pass_s(5)
        await sweep.tick()
        found += await claimed(around.queue)
    applications = [entry for entry in found if entry[1] == "sweep"]
    assert sorted(applications) == sorted(
        (f"application:pilothouse/web-{n}", "sweep") for n in range(3) for _ in range(3)
    )
    assert [entry for entry in found if entry[1] == "poll"] == [("repository:git.example.org/shop", "poll")]


async def test_what_could_not_be_put_back_is_tried_again_with_each_sweep(around: Any) -> None:
    around.settings = Settings(sweep_interval_s=60, audit_interval_s=86_400, git_poll_interval_s=86_400)
    around.view.put(an_application_body(metadata={"name": "web-1"}, status={"sync": {"status": "OutOfSync"}}))
    sweep = Sweep(around)
    await sweep.tick()
    found: list[tuple[str, str]] = []
    for _ in range(24):
        around.pass_s(5)
        await sweep.tick()
        found += await claimed(around.queue)
    assert found.count(("application:pilothouse/web-1", "sweep")) == 2


async def test_what_fell_into_a_pause_is_due_once(around: Any) -> None:
    sweep = Sweep(around)
    await sweep.tick()
    around.pass_s(100_000)
    await sweep.tick()
    await sweep.tick()
    assert len(await claimed(around.queue)) == 4


async def test_a_stretch_of_time_is_swept_by_one_worker(around: Any) -> None:
    one, other = Sweep(around), Sweep(around)
    await one.tick()
    around.pass_s(100_000)
    await one.tick()
    assert len(await claimed(around.queue)) == 4
    await other.tick()
    assert await claimed(around.queue) == []


async def test_every_mark_of_an_application_says_whom_it_shares_limits_with(around: Any) -> None:
    sweep = Sweep(around)
    await sweep.tick()
    around.pass_s(100_000)
    await sweep.tick()
    around.settings = around.settings.model_copy(update={"sweep_interval_s": 0.0})
    for _ in range(2):
        while claim := await around.queue.claim(["application"]):
            assert claim.groups == ("cluster:https://kubernetes.default.svc", "repo:git.example.org/shop")
            await around.queue.done(claim)
        await mark_everything(around)


async def test_after_a_loss_everything_is_marked(queue: Queue) -> None:
    around: Any = Surroundings(queue, names=2)
    around.settings = around.settings.model_copy(update={"sweep_interval_s": 0.0})
    await mark_everything(around)
    assert await claimed(queue) == [
        ("application:pilothouse/web-0", "start"),
        ("application:pilothouse/web-1", "start"),
        ("repository:git.example.org/shop", "start"),
    ]
    await mark_everything(Surroundings(queue, names=0))  # type: ignore[arg-type]


async def test_after_a_loss_nothing_is_marked_before_it_is_known_what_there_is(queue: Queue) -> None:
    around: Any = Surroundings(queue, names=0)
    around.view = View(["pilothouse"])
    around.settings = around.settings.model_copy(update={"sweep_interval_s": 0.0})
    marking = asyncio.create_task(mark_everything(around))
    await asyncio.sleep(0)
    around.view.put(an_application_body())
    around.view.listed("pilothouse")
    await marking
    assert ("application:pilothouse/web", "start") in await claimed(queue)
