"""A receiver served over HTTP, on an embedded Valkey and a small API server that has the recordings' secret."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from jobs.enqueue import Queue
from receiver.app import build_app
from receiver.settings import ReceiverSettings
from tests.receiver import apiserver
from tests.receiver.apiserver import ApiServer
from tests.receiver.recorded import LOGIN, SECRET
from tests.valkey import Valkey

Client = TestClient[Any, Any]
Start = Callable[..., Awaitable[Client]]


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """Shared by the tests of one process: never to be broken."""
    server = Valkey().start()
    yield server
    server.remove()


@pytest_asyncio.fixture
async def valkey(valkey_server: Valkey) -> Valkey:
    """The process's server, empty."""
    async with valkey_server.client() as client:
        await client.flushall()
    return valkey_server


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A server of this test's own, to be killed and frozen."""
    server = Valkey().start()
    yield server
    server.remove()


@pytest_asyncio.fixture
async def api() -> AsyncIterator[ApiServer]:
    """An API server that knows the recordings' webhook secret."""
    async with apiserver.running() as server:
        names = ("github", "gitlab", "gogs", "bitbucket", "bitbucketserver", "generic")
        user, _, password = LOGIN.decode().partition(":")
        server.secrets["pilothouse-secret"] = {
            **{f"webhook.{name}.secret": SECRET.decode() for name in names},
            "webhook.azuredevops.username": user,
            "webhook.azuredevops.password": password,
        }
        yield server


@pytest_asyncio.fixture
async def start(api: ApiServer, tmp_path: Path) -> AsyncIterator[Start]:
    """Start a receiver on a Valkey; further arguments are settings. Returns a client of it."""
    clients: list[Client] = []

    async def started(valkey: Valkey, **settings: Any) -> Client:
        given = {"KUBECONFIG": str(api.kubeconfig(tmp_path)), "redis_url": valkey.url, **settings}
        client: Client = TestClient(TestServer(await build_app(ReceiverSettings(**given))))
        await client.start_server()
        clients.append(client)
        return client

    yield started
    for client in clients:
        await client.close()


@pytest_asyncio.fixture
async def client(start: Start, valkey: Valkey) -> Client:
    """A receiver with the usual settings."""
    return await start(valkey)


@pytest_asyncio.fixture
async def queue(valkey: Valkey) -> AsyncIterator[Queue]:
    """The worker's view of the queue."""
    queue = Queue(valkey.url, lease_s=5.0)
    yield queue
    await queue.close()


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What is logged during the test."""
    with capture_logs() as lines:
        yield lines


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[ClientSession]:
    """A plain HTTP client, for servers in other processes."""
    async with ClientSession() as session:
        yield session
