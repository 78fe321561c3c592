"""The command in a thread of its own, against a real receiver in this process."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from deploy.cli.main import app
from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Client, api, browser, client, start, valkey, valkey_server

__all__ = ["api", "browser", "client", "start", "valkey", "valkey_server"]

Run = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
def run(client: Client, api: ApiServer) -> Iterator[Run]:
    """`pilothouse ...` as a user who may do everything."""
    api.user("t", "ada", "get", "list", "sync", "create", "delete")

    async def ran(*arguments: str, **environment: str) -> Result:
        given: dict[str, Any] = {"PILOTHOUSE_SERVER": str(client.make_url("")), "PILOTHOUSE_TOKEN": "t", "TERM": "dumb"}
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, env={**given, **environment})

    with capture_logs():  # the receiver shares this process, and the runner takes its standard output
        yield ran
