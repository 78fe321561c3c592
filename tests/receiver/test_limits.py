"""What the receiver bears from strangers, and from Valkey: each through a receiver that is served."""

import asyncio
import gzip
import io
import json
import signal
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from jobs.enqueue import Queue
from receiver import __main__ as main
from receiver import bodies
from receiver.bodies import BODIES, Bodies
from receiver.settings import ReceiverSettings
from tests.faults.proxy import Exchange, Tap
from tests.faults.resp_proxy import RespProxy
from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Client, Start
from tests.receiver.recorded import changed, recorded, signed
from tests.receiver.test_main import line_with, receiver
from tests.receiver.test_webhook import metric, send
from tests.valkey import Valkey, until

PUSH = recorded("github/push")
NAME = "github.com/acme/deploy"
HEAD = b"POST /api/webhook HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: push\r\n"


def filled(size: int) -> bytes:
    """A push of exactly this many bytes."""
    body = PUSH.body[:-1] + b',"more":"'
    return body + b"x" * (size - len(body) - 2) + b'"}'


def slow(monkeypatch: pytest.MonkeyPatch, limit_s: float) -> None:
    """Let a body have no more than this to come."""
    monkeypatch.setattr(bodies.read_body, "__kwdefaults__", {"timeout_s": limit_s})


class Wire:
    """A connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def status(self) -> int:
        """Of the next answer; 0: the connection was closed without one."""
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                head = await self.reader.readline()
                return int(head.split()[1]) if head else 0
        return 0


@asynccontextmanager
async def wire_to(host: str | None, port: int | None) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def to(client: Client) -> Any:
    return wire_to(client.host, client.port)


async def test_ten_megabytes_are_taken_and_a_byte_more_is_not(client: Client, queue: Queue) -> None:
    assert (await send(client, signed(PUSH, filled(10_000_001))))[0] == 413
    assert not await queue.dirty("repository", NAME)
    assert (await send(client, signed(PUSH, filled(10_000_000))))[0] == 202
    assert await queue.dirty("repository", NAME)


async def test_githubs_largest_body_is_taken_by_setting(start: Start, valkey: Valkey) -> None:
    client = await start(valkey, max_body_bytes=25_000_000)
    assert (await send(client, signed(PUSH, filled(25_000_000))))[0] == 202
    assert (await send(client, signed(PUSH, filled(25_000_001))))[0] == 413


async def test_a_packed_delivery_is_refused_before_it_is_unpacked(client: Client) -> None:
    bomb = gzip.compress(b" " * 50_000_000, 1)
    tracemalloc.start()
    try:
        headers = {"Content-Encoding": "gzip", "X-GitHub-Event": "push", "Connection": "close"}
        answer = await client.post("/api/webhook", data=io.BytesIO(bomb), headers=headers)
        assert answer.status == 400
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 5_000_000
    assert (await send(client, PUSH))[0] == 202


async def test_a_packed_body_of_the_api_is_unpacked_no_further_than_its_limit(client: Client, api: ApiServer) -> None:
    api.application("shop")
    token = api.user("t", "ada", "get", "sync")
    bomb = gzip.compress(b" " * 50_000_000, 1)
    headers = {"Content-Encoding": "gzip", "Authorization": f"Bearer {token}"}
    answer = await client.post("/api/v1/applications/shop/sync", data=io.BytesIO(bomb), headers=headers)
    assert answer.status == 413


async def test_a_body_that_drips_is_cut_off_however_steadily_it_does(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 0.2)
    async with to(client) as wire:
        wire.send(HEAD + b"Content-Length: 1000\r\n\r\n")

        async def drip() -> None:
            while True:
                wire.send(b" ")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert await wire.status() == 408
        dripping.cancel()
    outcome = 'pilothouse_deliveries_total{host="github",outcome="too_slow"}'
    assert await metric(client, outcome) == 1


@pytest.fixture
async def running(
    api: ApiServer, valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, int]]:
    """Where a receiver listens as `python -m receiver` would, but for impatience."""
    monkeypatch.setattr(main, "KEEPALIVE_S", 0.2)
    given: dict[str, Any] = {"KUBECONFIG": str(api.kubeconfig(tmp_path)), "redis_url": valkey.url}
    runner = await main.runner_of(ReceiverSettings(**given))
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0]
    await runner.cleanup()


async def test_headers_that_drip_are_cut_off(running: tuple[str, int]) -> None:
    async with wire_to(*running) as wire:
        wire.send(HEAD)
        ended = asyncio.create_task(wire.status())
        while not ended.done():
            wire.send(b"X-More: 1\r\n")
            await asyncio.wait([ended], timeout=0.02)
        assert ended.result() in (0, 408)


@pytest.mark.parametrize("path", ["/api/webhook", "/healthz", "/nowhere"])
@pytest.mark.parametrize(("expect", "status"), [(b"\x80", 417), (b"a miracle", 417), (b"100-Continue", 100)])
async def test_an_expectation_that_is_none_is_refused(
    path: str, expect: bytes, status: int, running: tuple[str, int]
) -> None:
    async with wire_to(*running) as wire:
        wire.send(b"GET %s HTTP/1.1\r\nHost: x\r\nExpect: %s\r\n\r\n" % (path.encode(), expect))
        assert await wire.status() == status


def test_the_limits_of_a_connection_suit_a_load_balancer() -> None:
    assert main.KEEPALIVE_S == 75
    assert bodies.BODY_TIMEOUT_S == 10


FLOODS: dict[str, bytes] = {
    "a long header": b"X-More: " + b"x" * 100_000 + b"\r\n",
    "many headers": b"X-More: 1\r\n" * 50_000,
    "a long name": b"x" * 100_000 + b": 1\r\n",
    "no header at all": b"x" * 100_000 + b"\r\n",
}


@pytest.mark.parametrize("what", FLOODS)
async def test_a_flood_of_headers_is_refused_and_harms_nobody(what: str, client: Client, queue: Queue) -> None:
    async with to(client) as wire:
        wire.send(HEAD + FLOODS[what] + b"\r\n\r\n")
        assert await wire.status() in (400, 431)
    assert (await send(client, PUSH))[0] == 202


ODD: dict[str, tuple[bytes, int]] = {
    "deep lists": (b"[" * 1_000_000, 400),
    "deep objects": (b'{"repository":' * 100_000, 400),
    "deep inside": (b'{"repository": {"clone_url": ' + b"[" * 500_000 + b"]" * 500_000 + b"}}", 400),
    "a number without end": (b'{"ref": 1' + b"0" * 100_000 + b"}", 400),
    "half a surrogate pair": (b'{"ref": "\\ud800", "repository": {"clone_url": "https://h.example/a"}}', 400),
    "no utf-8": (b'{"ref": "\xff\xfe"}', 400),
    "a byte order mark": (b"\xef\xbb\xbf" + PUSH.body, 400),
    "nothing": (b"", 400),
    "many addresses": (json.dumps({"repository": {"clone_url": ["https://h.example/a"] * 10_000}}).encode(), 400),
    "a key twice": (b'{"repository": {"clone_url": "https://h.example/no"}, ' + PUSH.body[1:], 202),
}


@pytest.mark.parametrize("what", ODD)
async def test_odd_json_that_is_signed_is_read_or_refused(what: str, client: Client) -> None:
    body, expected = ODD[what]
    status, answer = await send(client, signed(PUSH, body))
    assert status == expected
    assert status == 400 or answer["repositories"] == [NAME], "of a key that stands twice the last counts"


FORMS: dict[str, bytes] = {
    "many fields": b"&".join(b"f%d=1" % number for number in range(100_000)),
    "the field twice": b"payload={}&payload={}",
    "another field": b"other={}",
    "no form": b"%%%",
    "not ascii": "payload={\u00e4}".encode(),
    "nothing": b"",
}


@pytest.mark.parametrize("what", FORMS)
async def test_an_odd_form_that_is_signed_is_refused(what: str, client: Client) -> None:
    assert (await send(client, signed(recorded("github/push-form"), FORMS[what])))[0] == 400


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "nonsense", "utf-7"])
async def test_another_charset_is_refused(charset: str, client: Client) -> None:
    other = changed(PUSH, content_type=f"application/json; charset={charset}")
    assert (await send(client, other))[0] == 400
    assert (await send(client, changed(PUSH, content_type='application/json; charset="UTF-8"')))[0] == 202


async def test_large_bodies_share_a_room_and_small_ones_need_none(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 1.0)
    app: Any = client.app
    app[BODIES]._total = 300_000
    async with to(client) as first, to(client) as second:
        for wire in (first, second):
            wire.send(HEAD + b"Content-Length: 900000\r\n\r\n" + b" " * 250_000)
        await until(lambda: len(app[BODIES]._held) == 2)
        assert (await send(client, PUSH))[0] == 202
        assert {await first.status(), await second.status()} == {408, 503}
    assert (await send(client, signed(PUSH, filled(1_000_000))))[0] == 202
    assert (app[BODIES]._taken, app[BODIES]._held) == (0, {})


async def test_who_came_first_gets_room_whatever_others_hold() -> None:
    room = Bodies(100)
    await room.take("a", 60)
    await room.take("b", 30)
    later = asyncio.create_task(room.take("b", 30))
    await room.take("a", 200)
    await asyncio.sleep(0)
    assert not later.done()
    room.leave("a")
    await later
    room.leave("b")
    room.leave("nobody")
    await room.take("c", 100)


async def test_a_source_of_forgeries_is_held_back_and_its_neighbour_is_not(start: Start, valkey: Valkey) -> None:
    client = await start(valkey, trusted_proxies="127.0.0.1", refusals_per_minute=5)

    async def sent(source: str, delivery: Any = PUSH) -> int:
        status, _ = await send(client, changed(delivery, x_forwarded_for=source))
        return status

    forged = signed(PUSH, PUSH.body, b"another")
    assert [await sent("192.0.2.1", forged) for _ in range(6)] == [401] * 6
    assert await sent("192.0.2.1", forged) == 429
    assert await sent("192.0.2.2") == 202
    assert [await sent("192.0.2.2", forged) for _ in range(5)] == [401] * 5
    assert await sent("192.0.2.2") == 202, "a true one ends it"
    assert [await sent("192.0.2.2", forged) for _ in range(5)] == [401] * 5
    assert await metric(client, 'pilothouse_deliveries_total{host="github",outcome="held_back"}') == 1


async def test_behind_a_load_balancer_that_is_not_known_nobody_is_held_back(start: Start, valkey: Valkey) -> None:
    client = await start(valkey, refusals_per_minute=1)
    forged = changed(signed(PUSH, PUSH.body, b"another"), x_forwarded_for="192.0.2.1")
    assert [(await send(client, forged))[0] for _ in range(20)] == [401] * 20
    assert (await send(client, PUSH))[0] == 202


class Late(Tap):
    """Answers come, but too late."""

    late_s = 0.0

    async def answered(self, exchange: Exchange) -> bool:
        await asyncio.sleep(self.late_s)
        return True


async def test_a_slow_valkey_is_answered_within_three_seconds_and_the_push_is_marked(
    start: Start, own_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tap = Late()
    proxy = RespProxy("receiver", own_valkey.folder / "s", own_valkey.folder / "p", tap)
    own_valkey.url = type(own_valkey.url)(await proxy.start())
    client = await start(own_valkey)
    tap.late_s = 5.0
    async with asyncio.timeout(3):
        answer = await client.post("/api/webhook", data=io.BytesIO(PUSH.body), headers=_headers())
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    tap.late_s = 0.0
    queue = Queue(own_valkey.url)
    await until(lambda: queue.dirty("repository", NAME))
    await queue.close()
    await proxy.close()


def _headers() -> dict[str, str]:
    return {name: value for name, value in PUSH.headers.items() if name != "host"}


async def test_told_to_stop_it_takes_nothing_new_and_finishes_what_it_began(
    api: ApiServer, valkey: Valkey, queue: Queue, tmp_path: Path, browser: ClientSession
) -> None:
    environment = {"KUBECONFIG": str(api.kubeconfig(tmp_path)), "PILOTHOUSE_REDIS_URL": valkey.url.get_secret_value()}
    async with receiver(**environment) as process:
        host, port = (await line_with(process, "receiver listens"))["addresses"][0].split(":")
        async with wire_to(host, int(port)) as begun:
            head = "".join(f"{name}: {value}\r\n" for name, value in _headers().items())
            begun.send(f"POST /api/webhook HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + PUSH.body[:100])
            async with browser.get(f"http://{host}:{port}/healthz") as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            await line_with(process, "receiver stops")
            await until(lambda: _refused(host, int(port)))
            begun.send(PUSH.body[100:])
            assert await begun.status() == 202
        async with asyncio.timeout(15):
            assert await process.wait() == 0
    assert await queue.dirty("repository", NAME)


async def _refused(host: str, port: int) -> bool:
    try:
        async with wire_to(host, port) as wire:
            wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return await wire.status() == 0
    except OSError:
        return True
