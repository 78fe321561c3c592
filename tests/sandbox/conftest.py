"""A sandbox of the test's own, and a client to it."""

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from deploy.sandbox import Config, Sandbox
from tests.contract.api import Api


@contextlib.asynccontextmanager
async def client(sandbox: Sandbox, token: str = "") -> AsyncIterator[Api]:
    """Requests as admin (or with another token) in the namespace `default`."""
    async with aiohttp.ClientSession(sandbox.url) as session:
        yield Api(session, token or sandbox.admin_token, "default")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A fast one, with bookmarks each 50 ms."""
    async with Sandbox.serve(config=Config(rollout_s=0.02, bookmark_s=0.05)) as served:
        yield served


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[Api]:
    async with client(sandbox) as made:
        yield made
