"""The fixture `api`: each contract test runs against the sandbox and against the real API server."""

import secrets
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from deploy.sandbox import Sandbox
from tests.contract.api import Api

SERVERS = [pytest.param("sandbox", id="sandbox"), pytest.param("cluster", id="cluster", marks=pytest.mark.cluster)]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Any:
    """The control plane's coordinates, or `None` for the sandbox."""
    return request.getfixturevalue("control_plane") if request.param == "cluster" else None


@pytest.fixture
async def api(server: Any) -> AsyncIterator[Api]:
    """Requests as admin, in a fresh namespace."""
    if server is not None:
        tls = ssl.create_default_context(cafile=server.ca_file)
        async for made in _api(server.url, server.admin_token, tls):
            yield made
        return
    async with Sandbox.serve() as sandbox:
        async for made in _api(sandbox.url, sandbox.admin_token, None):
            yield made


async def _api(url: str, token: str, tls: ssl.SSLContext | None) -> AsyncIterator[Api]:
    connector = aiohttp.TCPConnector(ssl=tls or True)
    async with aiohttp.ClientSession(url, connector=connector) as session:
        made = Api(session, token, f"c-{secrets.token_hex(4)}")
        await made.create("/api/v1/namespaces", {"metadata": {"name": made.namespace}})
        yield made
        await made("DELETE", f"/api/v1/namespaces/{made.namespace}")
