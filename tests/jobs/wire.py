"""A scripted HTTP/1.1 server on bare sockets: it can answer what no proper server would, or break off anywhere."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.discovery import ApiResource
from jobs.kube import Kube

VERBS = frozenset({"get", "list", "watch", "patch", "create", "delete"})
CONFIG_MAPS = ApiResource("", "ConfigMap", "v1", ("v1",), "configmaps", True, VERBS)
SECRETS = ApiResource("", "Secret", "v1", ("v1",), "secrets", True, VERBS)
NAMESPACES = ApiResource("", "Namespace", "v1", ("v1",), "namespaces", False, VERBS)
DEPLOYMENTS = ApiResource("apps", "Deployment", "v1", ("v1", "v1beta1"), "deployments", True, VERBS)

Script = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Wire:
    """The server's address, and all that was asked of it."""

    url: str
    asked: list[Asked] = field(default_factory=list)

    def kube(self, **credentials: Any) -> Kube:
        """A client of it; close it."""
        return Kube.at(ClusterCredentials(self.url, **credentials))


def a_config_map(**data: Any) -> dict[str, Any]:
    """`shop/web` with this data."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}, "data": data}


def response(status: int, body: Any, content_type: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP response; the connection stays open."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def status(code: int, reason: str = "", message: str = "", **more: Any) -> dict[str, Any]:
    """A Status object as an API server answers it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        **more,
    }


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Wire]:
    """A server that runs the script for each request, until the connection ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            while not writer.is_closing():
                asked = await _read(reader)
                wire.asked.append(asked)
                await script(asked, writer)
                if not writer.is_closing():
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    wire = Wire(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield wire
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(*responses: bytes) -> Script:
    """A script that gives one response after the other, then repeats the last."""
    left = list(responses)

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return script


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = dict(line.lower().split(": ", 1)[:1] + line.split(": ", 1)[1:] for line in head[1:] if line)
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    url = urlsplit(target)
    return Asked(method, url.path, dict(parse_qsl(url.query)), headers, json.loads(raw) if raw else None)


def stream_head(content_type: str = "application/json") -> bytes:
    """The begin of a response whose body comes in chunks."""
    return f"HTTP/1.1 200 X\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


def chunk(raw: bytes) -> bytes:
    """A piece of such a body; an empty one ends it."""
    return f"{len(raw):x}\r\n".encode() + raw + b"\r\n"
