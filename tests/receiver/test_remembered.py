import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from jobs.enqueue import Mark, QueueDown
from receiver.remembered import Remembered
from tests.valkey import until


def mark(name: str, delivery: str = "") -> Mark:
    return Mark("repository", name, "push", hints={"delivery": delivery})


class Away:
    """A queue that is away for a while."""

    def __init__(self) -> None:
        self.away, self.tries, self.written = True, 0, list[Mark]()

    async def mark(self, marks: list[Mark]) -> None:
        self.tries += 1
        if self.away:
            raise QueueDown("away")
        self.written += marks


@asynccontextmanager
async def trying(remembered: Remembered) -> AsyncIterator[None]:
    task = asyncio.create_task(remembered.keep_trying())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_is_remembered_is_written_when_the_queue_is_back() -> None:
    queue = Away()
    remembered = Remembered(queue.mark, pauses_s=(0.001,))
    async with trying(remembered):
        assert remembered.add([mark("a"), mark("b")]) == 0
        await until(lambda: queue.tries > 2)
        assert len(remembered) == 2
        queue.away = False
        await until(lambda: len(remembered) == 0)
    assert sorted(each.key for each in queue.written) == ["a", "b"]


async def test_of_two_marks_for_one_repository_the_later_is_kept() -> None:
    queue = Away()
    remembered = Remembered(queue.mark)
    remembered.add([mark("a", "1")])
    remembered.add([mark("a", "2")])
    queue.away = False
    assert await remembered.try_once()
    assert queue.written == [mark("a", "2")]


async def test_the_set_is_bounded_and_says_what_found_no_room() -> None:
    remembered = Remembered(Away().mark, limit=2)
    assert remembered.add([mark("a"), mark("b"), mark("c")]) == 1
    assert remembered.add([mark("a", "newer")]) == 0
    assert len(remembered) == 2


async def test_a_mark_that_comes_while_one_is_written_is_written_too() -> None:
    written: list[Mark] = []

    async def slow(marks: list[Mark]) -> None:
        if not written:
            remembered.add([mark("a", "newer")])
        written.extend(marks)

    remembered = Remembered(slow)
    remembered.add([mark("a", "older")])
    assert await remembered.try_once()
    assert len(remembered) == 1
    assert await remembered.try_once()
    assert [each.hints for each in written] == [{"delivery": "older"}, {"delivery": "newer"}]
