"""A repository on a Git host, and mirrors of it, for tests."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from deploy.demo.git_server import Before, GitServer
from jobs.core.credentials import Credentials
from jobs.fetch import Mirrors
from jobs.mirror import Mirror
from jobs.settings import Settings
from tests.repos import Repo

FILES = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "tag: v1\n",
    "charts/web/templates/deployment.yaml": "kind: Deployment\n",
    "README.md": "hello\n",
}


@dataclass
class Hosted:
    """A repository, its host, and the mirrors of one worker."""

    root: Path
    repo: Repo
    server: GitServer
    mirrors: Mirrors
    url: str
    requests: list[str]
    """Method and path with query of each request so far."""

    async def mirror(self) -> Mirror:
        """The repository's mirror."""
        return await self.mirrors.at(self.url)

    @property
    def commands(self) -> int:
        """How many git commands have asked the host so far: each begins with one GET."""
        return sum(request.startswith("GET") for request in self.requests)


@asynccontextmanager
async def hosted(
    root: Path,
    *,
    repo: Repo | None = None,
    token: str | None = None,
    credentials: Credentials | None = None,
    before: Before | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Hosted]:
    """A host with one repository (`shop`, filled with FILES if none is given); mirrors with these credentials."""
    requests: list[str] = []

    async def count(request: web.Request) -> web.StreamResponse | None:
        requests.append(f"{request.method} {request.path_qs}")
        return await before(request) if before else None

    if repo is None:
        repo = Repo(root / "host")
        repo.push(FILES)
    mirrors = mirrors_in(root, credentials, **(settings or {}))
    async with GitServer(root / "host", token=token, before=count) as server:
        yield Hosted(root, repo, server, mirrors, f"{server.url}/{repo.name}.git", requests)
        await mirrors.close()


def mirrors_in(root: Path, credentials: Credentials | None = None, **settings: Any) -> Mirrors:
    """The mirrors of one more worker on the same folder."""

    async def given(_url: str, _project: str) -> Credentials:
        return credentials or Credentials()

    protocols = ("https", "http", "ssh")
    return Mirrors(
        Settings(data_dir=root / "data", **{"git_protocols": protocols, "git_timeout_s": 20, **settings}), given
    )


def git_processes(part: str) -> list[bytes]:
    """The arguments of each running process that has this text in them, this process left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (folder / "cmdline").read_bytes()
            if part.encode() in arguments and int(folder.name) != os.getpid():
                found.append(arguments)
    return found


async def until(condition: Any, deadline_s: float = 10.0) -> None:
    """Wait until a condition holds; fails the test at the deadline."""
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def tls(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A TLS door in front of a plain server on this machine; its port."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
