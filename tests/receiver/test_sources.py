"""Where a delivery comes from, and what refusals cost its source."""

import asyncio

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from receiver import sources
from receiver.errors import HeldBack
from receiver.sources import Sources, networks


def the_source(peer: str, *forwarded: str, trusted: tuple[str, ...] = ()) -> str:
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    request = make_mocked_request("POST", "/api/webhook", headers=headers).clone(remote=peer)
    return Sources(networks(trusted), 60).of(request)


def test_a_public_address_is_a_source_whatever_it_says_of_itself() -> None:
    assert the_source("140.82.115.1") == "140.82.115.1"
    assert the_source("140.82.115.1", "1.1.1.1") == "140.82.115.1"
    assert the_source("::ffff:140.82.115.1") == "140.82.115.1"
    assert the_source("2606:50c0:8000:1:2:3:4:5") == "2606:50c0:8000:1::/64"


@pytest.mark.parametrize("peer", ["10.1.2.3", "192.168.0.1", "127.0.0.1", "fd00::1", "", "nonsense"])
def test_a_private_address_is_many_sources_and_so_none(peer: str) -> None:
    assert the_source(peer, "140.82.115.1") == ""


def test_a_trusted_proxy_says_who_sent_it_and_only_its_own_word_counts() -> None:
    trusted = ("10.0.0.0/8", "192.0.2.7")
    assert the_source("10.1.2.3", "8.8.4.4, 140.82.115.1", trusted=trusted) == "140.82.115.1"
    assert the_source("10.1.2.3", "8.8.4.4", "140.82.115.1, 10.9.9.9", trusted=trusted) == "140.82.115.1"
    assert the_source("192.0.2.7", "172.16.0.9", trusted=trusted) == "172.16.0.9"
    assert the_source("10.1.2.3", trusted=trusted) == ""
    assert the_source("10.1.2.3", "140.82.115.1, nonsense", trusted=trusted) == ""
    assert the_source("140.82.115.9", "8.8.4.4", trusted=trusted) == "140.82.115.9"


class Held:
    """The sources, a clock that stands still, and how long each turn waited."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, per_minute: int) -> None:
        self.now, self.waited = 0.0, list[float]()
        self.sources = Sources((), per_minute, clock=lambda: self.now)
        monkeypatch.setattr(sources.asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(round(seconds, 3))

    def refused(self, times: int, source: str = "a") -> None:
        for _ in range(times):
            self.sources.refused(source)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch, 60)


async def test_refusals_up_to_the_limit_cost_nothing(held: Held) -> None:
    held.refused(60)
    await held.sources.turn("a")
    assert held.waited == []


async def test_beyond_it_deliveries_wait_one_behind_the_other_and_at_last_are_held_back(held: Held) -> None:
    held.refused(61)
    for _ in range(5):
        await held.sources.turn("a")
    assert held.waited == [1, 2, 3, 4, 5]
    with pytest.raises(HeldBack) as refusal:
        await held.sources.turn("a")
    assert (refusal.value.status, refusal.value.retry_after_s) == (429, 6)
    await held.sources.turn("b")
    assert held.waited == [1, 2, 3, 4, 5]


async def test_time_forgives_and_a_true_delivery_at_once(held: Held) -> None:
    held.refused(70)
    held.now += 10
    await held.sources.turn("a")
    assert held.waited == []
    held.refused(70)
    held.sources.verified("a")
    await held.sources.turn("a")
    assert held.waited == []


async def test_what_is_no_source_is_never_held_back(held: Held) -> None:
    held.refused(1000, "")
    await held.sources.turn("")
    assert held.waited == []


async def test_the_number_of_sources_that_are_known_is_bounded(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_SOURCES", 3)
    held.refused(100, "first")
    for name in "bcd":
        held.refused(1, name)
    await asyncio.wait_for(held.sources.turn("first"), 1)
    assert held.waited == []


@pytest.mark.parametrize("wrong", ["nonsense", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        networks([wrong])
