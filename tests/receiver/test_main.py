import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from jobs.enqueue import Queue
from tests.receiver.apiserver import ApiServer
from tests.receiver.recorded import recorded
from tests.valkey import Valkey, until

Process = asyncio.subprocess.Process


@asynccontextmanager
async def receiver(**environment: str) -> AsyncIterator[Process]:
    """`python -m receiver` with these variables."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "receiver"),
        env={"PATH": os.environ["PATH"], "PILOTHOUSE_LISTEN": "127.0.0.1:0", **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # else its pipes are closed by the collector, too late


async def line_with(process: Process, event: str) -> dict[str, Any]:
    """The next line of the log with this event."""
    assert process.stderr
    async with asyncio.timeout(20):
        async for line in process.stderr:
            found: dict[str, Any] = json.loads(line)
            if found["event"] == event:
                return found
    raise AssertionError(f"the receiver ended without saying {event!r}")


@pytest.fixture
def environment(api: ApiServer, valkey: Valkey, tmp_path: Path) -> dict[str, str]:
    return {"KUBECONFIG": str(api.kubeconfig(tmp_path)), "PILOTHOUSE_REDIS_URL": valkey.url.get_secret_value()}


async def test_it_says_where_it_listens_takes_a_push_and_ends_on_sigterm(
    environment: dict[str, str], queue: Queue, browser: ClientSession
) -> None:
    async with receiver(**environment) as process:
        address = (await line_with(process, "receiver listens"))["addresses"][0]
        delivery = recorded("github/push")
        headers = {name: value for name, value in delivery.headers.items() if name != "host"}
        async with browser.post(f"http://{address}/api/webhook", data=delivery.body, headers=headers) as response:
            assert response.status == 202
        assert await queue.dirty("repository", "github.com/acme/deploy")
        marked = await line_with(process, "delivery marked")
        assert (marked["level"], marked["host"]) == ("info", "github")
        process.send_signal(signal.SIGTERM)
        await line_with(process, "receiver stops")
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_what_is_no_http_is_refused_and_never_quoted_in_the_log(environment: dict[str, str]) -> None:
    async with receiver(**environment) as process:
        host, port = (await line_with(process, "receiver listens"))["addresses"][0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /api/webhook HTTP/1.1\r\nX-Gitlab-Token planted-secret\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()
        process.send_signal(signal.SIGTERM)
        _, text = await process.communicate()
        assert b"receiver stops" in text
        assert b"planted" not in text


async def test_a_push_remembered_until_the_end_is_tried_once_more(
    environment: dict[str, str], own_valkey: Valkey, browser: ClientSession
) -> None:
    own_valkey.kill()
    environment["PILOTHOUSE_REDIS_URL"] = own_valkey.url.get_secret_value()
    async with receiver(**environment) as process:
        address = (await line_with(process, "receiver listens"))["addresses"][0]
        delivery = recorded("github/push")
        headers = {name: value for name, value in delivery.headers.items() if name != "host"}
        async with browser.post(f"http://{address}/api/webhook", data=delivery.body, headers=headers) as response:
            assert response.status == 503
        process.send_signal(signal.SIGSTOP)
        own_valkey.start()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(15):
            assert await process.wait() == 0
    queue = Queue(own_valkey.url)
    await until(lambda: queue.dirty("repository", "github.com/acme/deploy"))
    await queue.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PILOTHOUSE_LISTEN", "nowhere"), ("PILOTHOUSE_MAX_BODY_BYTES", "much"), ("KUBECONFIG", "/does/not/exist")],
)
async def test_a_wrong_setting_ends_the_start_and_is_named(
    variable: str, value: str, environment: dict[str, str]
) -> None:
    async with receiver(**{**environment, variable: value}) as process:
        _, text = await process.communicate()
        assert process.returncode == 2
        assert variable.encode() in text
