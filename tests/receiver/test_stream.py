"""Following Applications over server-sent events, on a real watch."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from receiver import access, stream
from tests.receiver.cluster import SPEC, Cluster, on_applications, on_sandbox
from tests.valkey import Valkey, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/api/v1/stream/applications"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(valkey_server: Valkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with on_sandbox(valkey_server, tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader(town: Cluster) -> str:
    return await town.person(on_applications("list", "get"))


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(town: Cluster) -> AsyncIterator[Cluster]:
    yield town
    await town.clean()


class Following:
    """A client of the stream: every event as `kind name`, and the last id."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.last_id = ""
        self.seen: list[str] = []
        self.applications: list[Any] = []

    async def until(self, last: str) -> list[str]:
        """Read up to an event; all events since the last call."""
        self.seen = []
        async with asyncio.timeout(10):
            while last not in self.seen:
                if not await self._event():
                    raise AssertionError(f"the stream ended with {self.seen}")
        return self.seen

    async def _event(self) -> bool:
        fields = {}
        while line := (await self.response.content.readline()).decode():
            if line == "\n":
                break
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value
        self.last_id = fields.get("id", self.last_id)
        if "event" in fields:
            self.seen.append(fields["event"])
        elif "data" in fields:
            result = json.loads(fields["data"])["result"]
            self.applications.append(result["application"])
            self.seen.append(f"{result['type']} {result['application']['metadata']['name']}")
        elif "id" in fields:
            self.seen.append("id")
        elif fields:
            self.seen.append("beat" if "" in fields else next(iter(fields)))
        return bool(line)


@asynccontextmanager
async def following(cluster: Cluster, token: str, query: str = "", last_id: str = "") -> AsyncIterator[Following]:
    headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": last_id} if last_id else {})}
    async with cluster.client.get(f"{PATH}?{query}", headers=headers) as response:
        assert response.status == 200, await response.text()
        yield Following(response)


async def refused(cluster: Cluster, token: str | None, query: str = "") -> int:
    return (await cluster.call("GET", f"{PATH}?{query}", token)).status


async def test_all_that_is_there_comes_first_and_then_every_change(cluster: Cluster, reader: str) -> None:
    await cluster.application("cart", metadata={"annotations": {"a": "1"}})
    async with following(cluster, reader) as client:
        assert client.response.headers["Content-Type"] == "text/event-stream"
        assert client.response.headers["Cache-Control"] == "no-store"
        assert client.response.headers["X-Accel-Buffering"] == "no"
        assert await client.until("id") == ["retry", "reset", "ADDED cart", "listed", "id"]
        assert "managedFields" not in client.applications[0]["metadata"]
        await cluster.application("shop")
        assert await client.until("id") == ["ADDED shop", "id"]
        await cluster.patch("shop", status={"sync": {"status": "Synced"}})
        assert await client.until("id") == ["MODIFIED shop", "id"]
        assert client.applications[-1]["status"] == {"sync": {"status": "Synced"}}
        await cluster.kube("DELETE", cluster.path("cart"))
        assert await client.until("id") == ["DELETED cart", "id"]


async def test_a_client_that_comes_back_is_told_what_it_missed_and_no_more(cluster: Cluster, reader: str) -> None:
    await cluster.application("cart")
    await cluster.application("shop")
    async with following(cluster, reader) as client:
        await client.until("id")
    await cluster.patch("shop", metadata={"labels": {"new": "1"}})
    await cluster.kube("DELETE", cluster.path("cart"))
    async with following(cluster, reader, last_id=client.last_id) as again:
        assert await again.until("id") == ["retry", "id"]
        assert again.last_id == client.last_id, "nothing was told yet"
        assert await again.until("id") == ["MODIFIED shop", "DELETED cart", "id"]
    async with following(cluster, reader, last_id=again.last_id) as third:
        assert await third.until("id") == ["retry", "id"]
        await cluster.application("new")
        assert await third.until("id") == ["MODIFIED new", "id"], "it may have been told before"


@pytest.mark.parametrize("last_id", ["pilothouse=1", "pilothouse=x", "team=5", "nonsense"])
async def test_a_place_that_is_too_old_or_none_brings_everything_anew(
    last_id: str, cluster: Cluster, reader: str
) -> None:
    await cluster.application("cart")
    async with following(cluster, reader, last_id=last_id) as client:
        assert await client.until("id") == ["retry", "reset", "ADDED cart", "listed", "id"]


async def test_filters_select_what_is_told(cluster: Cluster, reader: str) -> None:
    await cluster.application("cart", metadata={"labels": {"team": "web"}})
    await cluster.application("shop")
    async with following(cluster, reader, "selector=team%3Dweb&fields=metadata.name") as client:
        assert await client.until("listed") == ["retry", "reset", "ADDED cart", "listed"]
        assert client.applications == [{"metadata": {"name": "cart"}}]
        await cluster.patch("shop", metadata={"labels": {"team": "web"}})
        assert "ADDED shop" in await client.until("ADDED shop")
        await cluster.patch("cart", metadata={"labels": {"team": None}})
        await client.until("DELETED cart")


async def test_one_application_needs_no_more_than_get_on_it(cluster: Cluster) -> None:
    await cluster.application("cart")
    await cluster.application("shop")
    syncer = await cluster.person(on_applications("get", "sync", names=["cart"]))
    assert await refused(cluster, syncer) == 403
    assert await refused(cluster, syncer, "name=shop") == 403
    async with following(cluster, syncer, "name=cart") as client:
        assert await client.until("listed") == ["retry", "reset", "ADDED cart", "listed"]
        await cluster.patch("shop", metadata={"labels": {"a": "1"}})
        await cluster.patch("cart", metadata={"labels": {"a": "1"}})
        assert [each for each in await client.until("MODIFIED cart") if each != "id"] == ["MODIFIED cart"]


async def test_strangers_and_nonsense_are_refused_before_anything_is_sent(cluster: Cluster, reader: str) -> None:
    assert await refused(cluster, None) == 401
    assert await refused(cluster, "nobody") == 401
    assert await refused(cluster, await cluster.person(on_applications("sync"))) == 403
    assert await refused(cluster, reader, "name=..%2Fx") == 404
    assert await refused(cluster, reader, "namespace=kube-system") == 404
    assert await refused(cluster, reader, "limit=5") == 400


async def test_a_permission_that_is_taken_away_ends_the_stream(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT_S", 0.02)
    monkeypatch.setattr(access, "CACHE_S", 0.0)
    token = await cluster.person(on_applications("list"), name="leaver")
    await cluster.application("cart")
    async with following(cluster, token) as client:
        await client.until("listed")
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{cluster.home}/rolebindings/leaver"
        await cluster.kube("DELETE", path)
        assert "end" in await client.until("end")
        assert await client.response.content.read() == b""
    assert await refused(cluster, token) == 403


async def test_while_it_cannot_be_asked_who_may_nothing_is_told(
    cluster: Cluster, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT_S", 0.02)
    await cluster.application("cart")
    async with following(cluster, reader) as client:
        await client.until("id")
        asked = access.Access.may

        async def away(*_: Any) -> bool:
            raise TimeoutError

        monkeypatch.setattr(access.Access, "may", away)
        await client.until("beat")
        await client.until("beat")
        await cluster.patch("cart", metadata={"labels": {"secret": "1"}})
        assert "MODIFIED cart" not in await client.until("beat")
        assert "MODIFIED cart" not in await client.until("beat")
        monkeypatch.setattr(access.Access, "may", asked)
        await client.until("MODIFIED cart")


async def test_heart_beats_carry_the_place_for_who_is_told_little(
    cluster: Cluster, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT_S", 0.02)
    async with following(cluster, reader, "name=nobody") as client:
        await client.until("id")
        first = client.last_id
        await cluster.application("other")
        async with asyncio.timeout(10):
            while client.last_id == first:
                assert "ADDED other" not in await client.until("id")


async def test_a_stream_ends_after_its_longest_time(
    cluster: Cluster, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STREAM_S", 0.05)
    async with following(cluster, reader) as client:
        await client.until("end")
        assert await client.response.content.read() == b""


async def test_there_is_room_for_so_many_streams_and_no_more(
    cluster: Cluster, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_STREAMS", 1)
    async with following(cluster, reader) as client:
        await client.until("listed")
        full = await cluster.call("GET", PATH, reader)
        assert (full.status, full.headers["Retry-After"]) == (503, "5")


async def test_a_client_that_reads_nothing_holds_up_nobody_and_is_let_go(
    cluster: Cluster, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "WRITE_S", 0.2)
    big = {"helm": {"values": "x" * 900_000}}
    for number in range(8):
        await cluster.application(f"big-{number}", spec={**SPEC, "source": {**SPEC["source"], **big}})
    url = cluster.client.make_url(PATH)
    slow, writer = await asyncio.open_connection(url.host, url.port, limit=1_000)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {reader}\r\n\r\n".encode())
    await writer.drain()
    assert (await slow.readline()).startswith(b"HTTP/1.1 200")
    async with following(cluster, reader, "name=big-1&fields=metadata.name") as client:
        assert "ADDED big-1" in await client.until("listed")
    await until(lambda: nobody_follows(cluster))
    writer.close()
    await writer.wait_closed()


async def nobody_follows(cluster: Cluster) -> bool:
    async with cluster.client.get("/metrics") as answer:
        return "pilothouse_streams 0.0" in await answer.text()


async def test_streams_end_when_the_receiver_stops(valkey_server: Valkey, tmp_path: Any) -> None:
    async with on_sandbox(valkey_server, tmp_path) as cluster:
        token = await cluster.person(on_applications("list"))
        async with following(cluster, token) as client:
            await client.until("listed")
            async with asyncio.timeout(5):
                await cluster.client.server.close()
            assert "end" in await client.until("end")
