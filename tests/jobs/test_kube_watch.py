"""Watches over connections that break in every way: no change lost, no hot loop, nothing that hangs."""

import asyncio
import json
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import kube_http
from jobs.core.errors import Gone, Overloaded, Unreachable
from jobs.kube_watch import Event, Lines, Listed, Pace
from tests.jobs.wire import CONFIG_MAPS, Wire, chunk, response, serving, status, stream_head


class Rests:
    """Instead of sleeping: writes down how long, and lets the loop run."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)
        await asyncio.sleep(0)

    def pace(self, **more: Any) -> Pace:
        return Pace(sleep=self, **more)


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> Rests:
    monkeypatch.setattr(kube_http, "TRIES", 1)
    return Rests()


def a_config_map(name: str, version: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": name, "resourceVersion": str(version)},
        **more,
    }


def line(kind: str, body: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


def bookmark(version: int) -> bytes:
    return line("BOOKMARK", {"kind": "ConfigMap", "metadata": {"resourceVersion": str(version)}})


def streaming(*connections: bytes):
    """Each watch gets the next of these bodies, when they are used up silence; each list one object."""
    left = [chunk(body) if body else b"" for body in connections]

    async def script(asked, writer):
        if "watch" not in asked.query:
            listing = {"metadata": {"resourceVersion": "100"}, "items": [{"metadata": {"name": "listed"}}]}
            writer.write(response(200, listing))
        elif left:
            writer.write(stream_head() + left.pop(0) + chunk(b""))
        else:
            writer.write(stream_head())
            await writer.drain()
            await asyncio.Event().wait()

    return script


async def first(count: int, events) -> list[Any]:
    found = []
    async with asyncio.timeout(10), aclosing(events):
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
    return found


def watching(wire: Wire) -> list[dict[str, str]]:
    return [asked.query for asked in wire.asked if "watch" in asked.query]


async def test_changes_come_in_order_over_connections_that_go_on_where_the_last_ended(rests: Rests):
    script = streaming(
        line("ADDED", a_config_map("a", 5)) + line("MODIFIED", a_config_map("a", 6)),
        bookmark(9),
        line("DELETED", a_config_map("a", 10)),
    )
    async with serving(script) as wire:
        kube = wire.kube()
        events = kube.watch(
            CONFIG_MAPS, namespace="shop", label_selector="app=web", resource_version="4", pace=rests.pace()
        )
        found = await first(3, events)
        await kube.close()
    assert [event.type for event in found] == ["ADDED", "MODIFIED", "DELETED"]
    assert [asked["resourceVersion"] for asked in watching(wire)] == ["4", "6", "9"]
    assert wire.asked[0].path == "/api/v1/namespaces/shop/configmaps"
    assert wire.asked[0].query["labelSelector"] == "app=web"
    assert wire.asked[0].query["allowWatchBookmarks"] == "true"
    assert 300 <= int(wire.asked[0].query["timeoutSeconds"]) <= 600


async def test_a_server_that_closes_at_once_is_asked_ever_more_slowly_and_then_given_up(rests: Rests):
    async with serving(streaming(*[b""] * 50)) as wire:
        kube = wire.kube()
        with pytest.raises(Unreachable, match="closed at once"):
            await first(1, kube.watch(CONFIG_MAPS, resource_version="1", pace=rests.pace()))
        await kube.close()
    assert len(watching(wire)) == len(rests.waited) == 5
    assert all(later > earlier for earlier, later in pairwise(rests.waited[::2]))
    assert rests.waited[-1] >= 1.6


@pytest.mark.parametrize(
    "answer",
    [
        response(200, b"<html>log in</html>", "text/html"),
        response(502, b"<html>bad gateway</html>", "text/html"),
        response(503, status(503, "ServiceUnavailable")),
        stream_head() + chunk(b"this is no event\n") + chunk(b""),
        stream_head() + chunk(line("ERROR", status(500, "InternalError", "etcd is away"))) + chunk(b""),
        stream_head() + chunk(b'{"type": "ADDED", "obj') + b"zz",
    ],
)
async def test_an_answer_that_is_no_watch_never_becomes_an_event_or_a_hot_loop(answer: bytes, rests: Rests):
    async def script(_asked, writer):
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with serving(script) as wire:
        kube = wire.kube()
        with pytest.raises((Unreachable, Overloaded)):
            await first(1, kube.watch(CONFIG_MAPS, resource_version="1", pace=rests.pace()))
        await kube.close()
    assert len(wire.asked) == len(rests.waited) == 5


async def test_a_connection_reset_in_mid_line_loses_and_doubles_nothing(rests: Rests):
    second = line("ADDED", a_config_map("b", 6))
    bodies = [line("ADDED", a_config_map("a", 5)) + second[:20], second]

    async def script(_asked, writer):
        writer.write(stream_head() + chunk(bodies.pop(0)))
        await writer.drain()
        if len(bodies) == 1:
            writer.transport.abort()
        else:
            await asyncio.Event().wait()

    async with serving(script) as wire:
        kube = wire.kube()
        found = await first(2, kube.watch(CONFIG_MAPS, resource_version="4", pace=rests.pace()))
        await kube.close()
    assert [event.object["metadata"]["name"] for event in found] == ["a", "b"]
    assert [asked["resourceVersion"] for asked in watching(wire)] == ["4", "5"]


async def test_a_silent_peer_is_left_for_a_new_connection(rests: Rests):
    connections = 0

    async def script(_asked, writer):
        nonlocal connections
        connections += 1
        writer.write(stream_head())
        if connections > 1:
            writer.write(chunk(line("ADDED", a_config_map("a", 5))))
        await writer.drain()
        await asyncio.Event().wait()

    async with serving(script) as wire:
        kube = wire.kube()
        found = await first(1, kube.watch(CONFIG_MAPS, resource_version="4", pace=rests.pace(idle_s=0.05)))
        await kube.close()
    assert found == [Event("ADDED", a_config_map("a", 5))]
    assert connections == 2


async def test_an_event_larger_than_4_mib_arrives_whole(rests: Rests):
    large = a_config_map("a", 5, data={"text": "x" * 6_000_000})
    async with serving(streaming(line("ADDED", large) + line("ADDED", a_config_map("b", 6)))) as wire:
        kube = wire.kube()
        found = await first(2, kube.watch(CONFIG_MAPS, resource_version="4", pace=rests.pace()))
        await kube.close()
    assert [event.object["metadata"]["name"] for event in found] == ["a", "b"]
    assert len(found[0].object["data"]["text"]) == 6_000_000


async def test_only_metadata_is_watched_under_the_real_kind(rests: Rests):
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}}
    async with serving(streaming(line("ADDED", partial))) as wire:
        kube = wire.kube()
        events = kube.watch(CONFIG_MAPS, resource_version="4", metadata_only=True, pace=rests.pace())
        found = await first(1, events)
        await kube.close()
    assert found[0].object == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}}
    assert "PartialObjectMetadata" in wire.asked[0].headers["accept"]


@pytest.mark.parametrize("in_stream", [True, False])
async def test_a_version_that_is_too_old_ends_a_watch(in_stream: bool, rests: Rests):
    expired = status(410, "Expired", "too old resource version: 1 (7)")

    async def script(_asked, writer):
        stream = stream_head() + chunk(line("ERROR", expired)) + chunk(b"")
        writer.write(stream if in_stream else response(410, expired))

    async with serving(script) as wire:
        kube = wire.kube()
        with pytest.raises(Gone, match="too old resource version"):
            await first(1, kube.watch(CONFIG_MAPS, resource_version="1", pace=rests.pace()))
        await kube.close()
    assert len(wire.asked) == 1


async def test_following_lists_watches_and_lists_again_when_the_version_is_too_old(rests: Rests):
    expired = line("ERROR", status(410, "Expired", "too old"))
    async with serving(streaming(line("ADDED", a_config_map("a", 101)) + expired)) as wire:
        kube = wire.kube()
        found = await first(3, kube.follow(CONFIG_MAPS, pace=rests.pace()))
        await kube.close()
    listed = Listed(({"metadata": {"name": "listed"}, "kind": "ConfigMap", "apiVersion": "v1"},), "100")
    assert found == [listed, Event("ADDED", a_config_map("a", 101)), listed]
    assert watching(wire)[0]["resourceVersion"] == "100"
    assert len(rests.waited) == 1


async def test_following_outlives_a_server_that_is_away_and_a_watch_that_always_fails(rests: Rests):
    asked_so_far = 0

    async def script(asked, writer):
        nonlocal asked_so_far
        asked_so_far += 1
        if asked_so_far < 4 or "watch" in asked.query:
            writer.write(response(503, status(503, "ServiceUnavailable")))
        else:
            writer.write(response(200, {"metadata": {"resourceVersion": "7"}, "items": []}))

    async with serving(script) as wire:
        kube = wire.kube()
        found = await first(2, kube.follow(CONFIG_MAPS, pace=rests.pace()))
        await kube.close()
    assert found == [Listed((), "7"), Listed((), "7")]
    assert len(rests.waited) == 3 + 5 + 1
    assert max(rests.waited) <= 10


async def test_cancelling_a_watch_ends_it_and_its_connection():
    started, ended = asyncio.Event(), asyncio.Event()

    async def script(_asked, writer):
        writer.write(stream_head())
        started.set()
        while not writer.is_closing():
            writer.write(chunk(bookmark(5)))
            await asyncio.sleep(0.01)
        ended.set()

    async with serving(script) as wire:
        kube = wire.kube()
        task = asyncio.create_task(first(1, kube.watch(CONFIG_MAPS, resource_version="1")))
        await asyncio.wait_for(started.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 10)
        await kube.close()


@given(st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")), max_size=8), st.integers(1, 7))
def test_lines_come_out_whole_however_the_network_cuts_them(lines: list[bytes], size: int):
    raw = b"".join(line + b"\n" for line in lines) + b"the rest"
    cut, found = Lines(), []
    for start in range(0, len(raw), size):
        found += cut.feed(raw[start : start + size])
    assert found == [line for line in lines if line]


def test_a_line_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jobs.kube_watch.MAX_LINE", 100)
    with pytest.raises(Unreachable):
        list(Lines().feed(b"x" * 101))
