"""One watch for all who follow."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jobs.store import Event, Listed
from receiver import feed as feed_module
from receiver.feed import Feed, Shelf
from receiver.shown import number_of
from tests.builders import an_application_body
from tests.valkey import until


def app(name: str, version: int) -> dict[str, Any]:
    return an_application_body(metadata={"name": name, "resourceVersion": str(version)})


class Watched:
    """A namespace whose events a test gives."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Listed | Event] = asyncio.Queue()
        self.begun = 0

    async def follow(self, namespace: str) -> AsyncGenerator[Listed | Event, None]:
        self.begun += 1
        while True:
            yield await self.events.get()


@asynccontextmanager
async def following(*items: dict[str, Any], version: str = "10") -> AsyncIterator[tuple[Feed, Watched]]:
    watched = Watched()
    feed = Feed(("pilothouse",), watched.follow)
    task = asyncio.create_task(feed.keep_following())
    watched.events.put_nowait(Listed(items, version))
    try:
        await feed.ready(["pilothouse"])
        yield feed, watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nothing_is_watched_before_somebody_follows() -> None:
    watched = Watched()
    feed = Feed(("pilothouse",), watched.follow)
    task = asyncio.create_task(feed.keep_following())
    await asyncio.sleep(0)
    assert watched.begun == 0
    watched.events.put_nowait(Listed((), "1"))
    await asyncio.gather(feed.ready(["pilothouse"]), feed.ready(["pilothouse"]))
    assert watched.begun == 1
    task.cancel()


async def test_a_change_is_pending_once_however_often_it_happened() -> None:
    async with following(app("a", 5)) as (feed, watched):
        follower = feed.enter(("pilothouse",))
        for version in range(11, 500):
            watched.events.put_nowait(Event("MODIFIED", app("a", version)))
        watched.events.put_nowait(Event("DELETED", app("b", 500)))
        await until(lambda: feed.shelf("pilothouse").version == 500)
        assert list(follower.pending) == [("pilothouse", "a"), ("pilothouse", "b")]
        assert feed.item(("pilothouse", "a")).version == 499  # type: ignore[union-attr]
        assert feed.item(("pilothouse", "b")) is None
        feed.leave(follower)
        assert len(feed) == 0


async def test_a_list_after_a_gap_changes_what_differs_and_forgets_nothing() -> None:
    async with following(app("same", 5), app("changed", 6), app("gone", 7)) as (feed, watched):
        follower = feed.enter(("pilothouse",))
        watched.events.put_nowait(Listed((app("same", 5), app("changed", 12), app("new", 11)), "13"))
        await until(lambda: feed.shelf("pilothouse").version == 13)
        assert {name for _, name in follower.pending} == {"changed", "gone", "new"}
        assert feed.shelf("pilothouse").since(10) == ["changed", "gone", "new"]
        assert feed.item(("pilothouse", "gone")) is None


def test_who_comes_back_is_told_what_changed_since() -> None:
    shelf = Shelf(version=10, floor=10)
    for version, name in ((11, "a"), (12, "b"), (13, "a")):
        shelf.note(version, name)
    assert shelf.since(10) == ["a", "b"]
    assert shelf.since(11) == ["b", "a"]
    assert shelf.since(12) == ["a"]
    assert shelf.since(13) == []
    assert shelf.since(99) == [], "another receiver saw more than this one"


def test_what_is_too_old_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Shelf().since(5) is None, "nothing was seen yet"
    shelf = Shelf(version=10, floor=10)
    assert shelf.since(9) is None
    for version in range(11, 11 + feed_module.BACKLOG + 5):
        shelf.note(version, "a")
    assert shelf.floor == 15
    assert shelf.since(14) is None
    assert shelf.since(15) == ["a"]


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("", -1), ("x", -1), ("-7", -1), ("9" * 20, -1), ("\u0663", -1)]
)
def test_versions_are_numbers_or_none(text: str, number: int) -> None:
    assert number_of(text) == number


async def test_who_follows_another_namespace_hears_nothing() -> None:
    watched = Watched()
    feed = Feed(("pilothouse", "team"), watched.follow)
    follower = feed.enter(("team",))
    feed._changed("pilothouse", Event("ADDED", app("a", 3)))
    assert not follower.pending
    assert not follower.woken.is_set()
