"""Who leads: one at a time, another at once when it ends, and soon when it was killed."""

import asyncio

from jobs.lead import Lead
from tests.valkey import Valkey, until


class Post:
    """Somebody who wants to lead."""

    def __init__(self, valkey: Valkey, name: str, log: list[str]) -> None:
        self.lead = Lead(valkey.url, lead_s=0.6, ask_s=0.02)
        self.name, self.log, self.leads = name, log, False
        self.fails = False
        self.task = asyncio.create_task(self.lead.hold("watch:here", self.work))

    async def work(self) -> None:
        self.log.append(self.name)
        self.leads = True
        try:
            await asyncio.sleep(0.05)
            if self.fails:
                raise ZeroDivisionError
            await asyncio.sleep(60)
        finally:
            self.leads = False

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.lead.close()


async def test_one_leads_and_the_next_follows_when_it_ends(valkey: Valkey) -> None:
    log: list[str] = []
    first = Post(valkey, "first", log)
    await until(lambda: first.leads)
    second = Post(valkey, "second", log)
    await asyncio.sleep(0.8)  # longer than a lead that is not renewed
    assert first.leads
    assert not second.leads
    await first.end()
    await until(lambda: second.leads)
    await second.end()
    assert log == ["first", "second"]


async def test_a_lead_that_was_lost_ends_the_work(valkey: Valkey) -> None:
    log: list[str] = []
    first = Post(valkey, "first", log)
    await until(lambda: first.leads)
    async with valkey.client() as client:
        await client.set("pilothouse:lead:watch:here", "another", px=300)
    await until(lambda: not first.leads)
    await until(lambda: first.leads)  # once the other's time is over
    await first.end()


async def test_work_that_fails_is_begun_again(valkey: Valkey) -> None:
    log: list[str] = []
    first = Post(valkey, "first", log)
    first.fails = True
    await until(lambda: len(log) >= 2)
    await first.end()
