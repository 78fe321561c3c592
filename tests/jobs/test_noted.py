import asyncio

import pytest

from jobs.noted import Notes
from jobs.valkey import QueueDown


class Book:
    """Notes slowly, and not at all when it is shut."""

    def __init__(self) -> None:
        self.noted: list[list[str]] = []
        self.shut: Exception | None = None

    async def note(self, keys: list[str]) -> list[bool]:
        await asyncio.sleep(0.005)
        if self.shut:
            raise self.shut
        before = {key for batch in self.noted for key in batch}
        self.noted.append(keys)
        return [key in before for key in keys]


async def test_keys_that_come_meanwhile_share_the_next_call_and_each_gets_its_own_answer() -> None:
    book = Book()
    notes = Notes(book.note, most=2)
    first = notes.add("a")
    await asyncio.sleep(0.001)
    assert await asyncio.gather(first, *(notes.add(key) for key in "bac")) == [False, False, True, False]
    assert book.noted == [["a"], ["b", "a"], ["c"]]
    await notes.close(1)


async def test_a_failure_is_told_to_those_who_wait_and_hurts_nobody_else() -> None:
    book = Book()
    notes = Notes(book.note, most=10)
    book.shut = QueueDown("shut")
    notes.add("nobody waits for this one")
    with pytest.raises(QueueDown):
        await notes.add("a")
    book.shut = None
    gone = notes.add("b")
    gone.cancel()
    assert await notes.add("c") is False
