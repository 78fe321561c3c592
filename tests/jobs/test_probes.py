import time

import aiohttp
import pytest

from jobs.marks import QueueState
from jobs.probes import STUCK_S, Metrics, serving
from jobs.settings import SettingsError
from jobs.valkey import QueueDown


class Down:
    """A queue without Valkey."""

    async def state(self) -> QueueState:
        raise QueueDown("down")


async def asked(path: str, ticked_at: float) -> tuple[int, str]:
    async with (
        serving("127.0.0.1:0", Metrics(), Down(), lambda: ticked_at) as (host, port),
        aiohttp.ClientSession(f"http://{host}:{port}") as session,
        session.get(path) as answer,
    ):
        return answer.status, await answer.text()


async def test_a_worker_without_valkey_is_healthy_and_says_so() -> None:
    assert (await asked("/healthz", time.monotonic()))[0] == 200
    status, text = await asked("/metrics", time.monotonic())
    assert status == 200
    assert "pilothouse_queue_up 0.0" in text


async def test_a_worker_whose_clock_stopped_is_stuck() -> None:
    assert (await asked("/healthz", time.monotonic() - STUCK_S - 1))[0] == 503


@pytest.mark.parametrize("listen", ["8081", "host:port", "127.0.0.1:99999", "192.0.2.1:0"])
async def test_an_address_that_cannot_be_used_names_the_setting(listen: str) -> None:
    with pytest.raises(SettingsError, match="PILOTHOUSE_WORKER_LISTEN"):
        async with serving(listen, Metrics(), Down(), time.monotonic):
            pass


async def test_no_host_means_every_address() -> None:
    async with serving(":0", Metrics(), Down(), time.monotonic) as (_, port):
        assert port > 0
