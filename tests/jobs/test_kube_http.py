"""Requests on the wire: what is sent again and what isn't, and that only the API server's own answer counts."""

import asyncio
import socket

import pytest

from jobs import kube_http
from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.errors import (
    LostClaim,
    Overloaded,
    Refused,
    Unreachable,
)
from jobs.kube import Kube, Preconditions
from jobs.kube_http import retry_after
from jobs.kube_pulse import Pulse
from tests.jobs.wire import (
    CONFIG_MAPS,
    a_config_map,
    answering,
    response,
    serving,
    status,
    stream_head,
)

SEEN = Preconditions("u-1", "7")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch):
    """Back-off is tested as a function; here it would only cost time."""
    monkeypatch.setattr(
        kube_http, "retry_after", lambda error, **given: None if retry_after(error, **given) is None else 0
    )


async def test_an_html_404_of_a_proxy_does_not_read_as_a_missing_object():
    async with serving(answering(response(404, b"<html>not here</html>", "text/html"))) as wire:
        kube = wire.kube()
        with pytest.raises(Unreachable, match="HTTP 404"):
            await kube.get(CONFIG_MAPS, "shop", "web")
        await kube.close()


@pytest.mark.parametrize("body", [response(200, b"<html>log in</html>", "text/html"), response(200, b'{"kind": "Con')])
async def test_a_200_that_is_not_json_is_no_answer(body):
    async with serving(answering(body)) as wire:
        kube = wire.kube()
        with pytest.raises(Unreachable):
            await kube.get(CONFIG_MAPS, "shop", "web")
        await kube.close()


async def test_a_redirect_is_not_followed():
    async with serving(answering(response(302, b"", "text/plain", Location="http://127.0.0.1:1/"))) as wire:
        kube = wire.kube(token="secret-token")
        with pytest.raises(Unreachable, match="HTTP 302"):
            await kube.get(CONFIG_MAPS, "shop", "web")
        await kube.close()


async def test_a_read_is_tried_again_after_a_reset_in_mid_body():
    whole = response(200, a_config_map(a="b"))
    cut = [whole[:-5], whole]

    async def script(_asked, writer):
        writer.write(cut.pop(0))
        if cut:
            await writer.drain()
            writer.transport.abort()

    async with serving(script) as wire:
        kube = wire.kube()
        assert (await kube.get(CONFIG_MAPS, "shop", "web"))["data"] == {"a": "b"}
        await kube.close()
    assert len(wire.asked) == 2


async def test_a_write_whose_answer_is_lost_is_not_sent_again():
    async def script(_asked, writer):
        writer.transport.abort()

    async with serving(script) as wire:
        kube = wire.kube()
        with pytest.raises(Unreachable):
            await kube.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse")
        assert len(wire.asked) == 1
        with pytest.raises(Unreachable):
            await kube.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse", dry_run=True)
        assert len(wire.asked) == 1 + kube_http.TRIES
        await kube.close()


async def test_a_write_refused_as_too_many_is_sent_again_under_its_guard():
    too_many = response(429, status(429, "TooManyRequests"), Retry_After="1")
    calls = []
    async with serving(answering(too_many, response(200, a_config_map()))) as wire:
        kube = wire.kube()
        await kube.fenced(lambda: calls.append("asked")).apply(a_config_map(), CONFIG_MAPS, manager="pilothouse")
        await kube.close()
    assert calls == ["asked", "asked"]
    assert len(wire.asked) == 2


async def test_a_guard_that_raises_stops_a_write_unsent_and_lets_reads_pass():
    def guard():
        raise LostClaim("the lease is gone")

    async with serving(answering(response(200, a_config_map()))) as wire:
        kube = wire.kube()
        fenced = kube.fenced(guard)
        assert await fenced.get(CONFIG_MAPS, "shop", "web")
        for write in (
            fenced.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse"),
            fenced.delete(CONFIG_MAPS, "shop", "web", preconditions=SEEN),
            fenced.patch_json(CONFIG_MAPS, "shop", "web", [], manager="pilothouse"),
        ):
            with pytest.raises(LostClaim):
                await write
        await kube.close()
    assert [asked.method for asked in wire.asked] == ["GET"]


def test_the_back_off_never_comes_before_what_the_server_asked_for():
    busy = Overloaded("busy", status=429, retry_after_s=3)
    assert retry_after(busy, tries=1, safe=False, roll=0.5) == 3.5
    assert retry_after(Overloaded("busy", status=503), tries=1, safe=False, roll=1) is None
    assert retry_after(Overloaded("busy", status=429, retry_after_s=60), tries=1, safe=True, roll=1) is None
    delays = [retry_after(Unreachable("gone"), tries=tries, safe=True, roll=1) for tries in (1, 2, 3, 4)]
    assert delays == [pytest.approx(0.2), pytest.approx(0.8), pytest.approx(3.2), None]


async def test_a_refused_connection_is_unreachable_and_says_where():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        kube = Kube.at(ClusterCredentials(f"http://127.0.0.1:{taken.getsockname()[1]}", token="secret-token"))
        with pytest.raises(Unreachable, match="GET /version") as caught:
            await kube.version()
        await kube.close()
    assert "secret-token" not in str(caught.value)


async def test_a_silent_server_is_unreachable_after_the_time_limit():
    async def script(_asked, _writer):
        await asyncio.Event().wait()

    async with serving(script) as wire:
        kube = wire.kube()
        with pytest.raises(Unreachable, match="no answer in time"):
            await kube.request("POST", "/x", body={}, timeout_s=0.05)
        await kube.close()


async def test_requests_take_turns_and_watches_do_not_use_the_turns_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kube_http, "CONNECTIONS", 2)
    busy, most, release = 0, 0, asyncio.Event()

    async def script(asked, writer):
        nonlocal busy, most
        if "watch" in asked.query:
            writer.write(stream_head())
            return
        busy, most = busy + 1, max(most, busy + 1)
        if busy == 2:
            release.set()
        await release.wait()
        await asyncio.sleep(0)
        busy -= 1
        writer.write(response(200, a_config_map()))

    async with serving(script) as wire, asyncio.timeout(10):
        kube = wire.kube()
        watches = [kube.watch(CONFIG_MAPS, resource_version="1") for _ in range(3)]
        waiting = [asyncio.ensure_future(anext(watch)) for watch in watches]
        while len(wire.asked) < 3:
            await asyncio.sleep(0.01)
        found = await asyncio.gather(*(kube.get(CONFIG_MAPS, "shop", "web") for _ in range(10)))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await kube.close()
    assert len(found) == 10
    assert most == 2


async def test_a_proxys_password_goes_to_the_proxy_and_into_no_error():
    async with serving(answering(response(407, b"no", "text/plain"))) as proxy:
        kube = Kube.at(ClusterCredentials("https://10.0.0.1", proxy_url=proxy.url.replace("//", "//me:hunter2@")))
        with pytest.raises(Unreachable) as caught:
            await kube.version()
        await kube.close()
    assert proxy.asked[0].method == "CONNECT"
    assert proxy.asked[0].headers["proxy-authorization"] == "Basic bWU6aHVudGVyMg=="
    assert "hunter2" not in str(caught.value)


async def test_a_user_name_and_password_are_sent_as_basic_authorization():
    async with serving(answering(response(200, {"gitVersion": "v1.36.3"}))) as wire:
        kube = wire.kube(username="me", password="open sesame")
        await kube.version()
        await kube.close()
    assert wire.asked[0].headers["authorization"] == "Basic bWU6b3BlbiBzZXNhbWU="


async def test_a_body_that_is_no_json_is_refused_without_quoting_it():
    async with serving(answering(response(200, {}))) as wire:
        kube = wire.kube()
        with pytest.raises(Refused, match="can't be written as JSON"):
            await kube.apply(a_config_map(number=2**70, password="hunter2"), CONFIG_MAPS, manager="pilothouse")
        await kube.close()
    assert wire.asked == []


async def test_writes_and_dry_runs_act_as_somebody_else_and_reads_do_not():
    async with serving(answering(response(200, a_config_map()))) as wire:
        kube = wire.kube(token="t").fenced(lambda: None, "system:serviceaccount:shop:deployer")
        await kube.get(CONFIG_MAPS, "shop", "web")
        await kube.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse", dry_run=True)
        await kube.delete(CONFIG_MAPS, "shop", "web", preconditions=SEEN)
        ourselves = wire.kube(token="t")
        await ourselves.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse")
        for each in (kube, ourselves):
            await each.close()
    acted_as = [asked.headers.get("impersonate-user") for asked in wire.asked]
    assert acted_as == [None, *["system:serviceaccount:shop:deployer"] * 2, None]
    assert {asked.headers["authorization"] for asked in wire.asked} == {"Bearer t"}


async def test_a_silent_server_is_tried_once_and_then_left_alone():
    clock = Clock()
    async with serving(answering(BAD_GATEWAY)) as wire:
        kube = Kube.at(ClusterCredentials(wire.url), pulse=Pulse(clock))
        tries = []
        for pause_s in (0, 0, 1, 1):
            clock.now += pause_s
            with pytest.raises(Unreachable):
                await kube.get(CONFIG_MAPS, "shop", "web")
            tries.append(len(wire.asked))
        await kube.close()
    assert tries == [4, 4, 5, 5], "four tries, none while it rests, one to find out, none again"


async def test_a_server_that_others_wait_for_too_long_is_not_tried_again():
    clock = Clock()

    async def slowly(_asked, writer):
        clock.now += 5
        writer.write(BAD_GATEWAY)

    async with serving(slowly) as wire:
        kube = Kube.at(ClusterCredentials(wire.url), pulse=Pulse(clock))
        with pytest.raises(Unreachable):
            await kube.get(CONFIG_MAPS, "shop", "web")
        await kube.close()
    assert len(wire.asked) == 1


BAD_GATEWAY = response(502, b"<html>nobody there</html>", "text/html")


class Clock:
    """Moved by hand."""

    now = 1000.0

    def __call__(self):
        return self.now
