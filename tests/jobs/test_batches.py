import asyncio

import pytest

from jobs.batches import Batches
from jobs.valkey import QueueDown


class Disk:
    """Writes slowly, and not at all when it is broken."""

    def __init__(self) -> None:
        self.written: list[list[str]] = []
        self.wakes = 0
        self.broken: Exception | None = None

    async def write(self, arguments: list[str]) -> bool:
        await asyncio.sleep(0.01)
        if self.broken:
            raise self.broken
        self.written.append(arguments)
        return True

    async def wake(self) -> None:
        self.wakes += 1


@pytest.fixture
def disk() -> Disk:
    return Disk()


async def test_arrivals_during_a_write_share_the_next_one(disk: Disk) -> None:
    batches = Batches(disk.write, disk.wake, most=100)
    first = asyncio.create_task(batches.add(["a"], 5))
    await asyncio.sleep(0.005)
    await asyncio.gather(first, *(batches.add([name], 5) for name in "bcd"))
    await batches.close(5)
    assert disk.written == [["a"], ["b", "c", "d"]]
    assert disk.wakes == 2


async def test_a_large_batch_is_written_in_parts_and_answered_as_a_whole(disk: Disk) -> None:
    batches = Batches(disk.write, disk.wake, most=2)
    await batches.add(["a", "b", "c"], 5)
    assert disk.written == [["a", "b"], ["c"]]


async def test_a_failed_write_is_told_to_all_who_wait_and_to_nobody_else(disk: Disk) -> None:
    batches = Batches(disk.write, disk.wake, most=100)
    disk.broken = QueueDown("broken")
    answers = await asyncio.gather(*(batches.add([name], 5) for name in "abc"), return_exceptions=True)
    assert all(isinstance(answer, QueueDown) for answer in answers)
    disk.broken = None
    await batches.add(["d"], 5)
    assert disk.written == [["d"]]


async def test_who_cannot_wait_any_longer_is_told_so(disk: Disk) -> None:
    batches = Batches(disk.write, disk.wake, most=100)
    with pytest.raises(QueueDown):
        await batches.add(["a"], 0.001)
    await batches.add(["b"], 5)
    assert disk.written == [["a"], ["b"]], "it may be written all the same"
