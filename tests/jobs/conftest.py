"""One embedded Valkey per test process, emptied for every test; a queue on it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from jobs.enqueue import Queue
from tests.valkey import Valkey


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """Shared by the tests of one process: never to be broken. Those that break one start their own."""
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
async def queue(valkey: Valkey) -> AsyncIterator[Queue]:
    """The queue with the product's own lease, which no busy machine lets run out; `Valkey.end_leases` ends it."""
    queue = Queue(valkey.url, lease_s=15)
    yield queue
    await queue.close()
