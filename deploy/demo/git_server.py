"""A small Git host on 127.0.0.1: smart HTTP in front of `git http-backend`, for the demo and the tests.

It speaks protocol v2, lets clients fetch by commit id, asks for a token if it was given one, and tells who wants to
know about each push, as a real host does by webhook. It is no host for production: one folder, no quotas, no TLS.
Protocol: https://git-scm.com/docs/git-http-backend
"""

import asyncio
import base64
import hmac
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

from aiohttp import web

MAX_BODY_BYTES = 512 * 1024 * 1024
"""Largest push, in bytes."""
NO_COMMIT = "0" * 40
"""How Git and its hosts write "there is none": before a branch is created, after it is deleted."""

ASK_FOR_TOKEN = {"WWW-Authenticate": 'Basic realm="git"'}


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref changed by a push."""

    repository: str
    """Folder name, e.g. `shop.git`."""
    ref: str
    before: str
    """Commit id, or NO_COMMIT."""
    after: str


Before = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
Pushed = Callable[[tuple[RefUpdate, ...]], Awaitable[None]]


class GitServer:
    """Serves every bare repository under `root` at `{url}/{folder}`.

    token: password that each request must carry by HTTP Basic, any user name; None: everybody may read and push.
    before: called with each request; answers in the server's place unless it returns None (delays, faults, counting).
    pushed: called with the refs each push changed, after Git accepted it and before the client hears of it.
    """

    def __init__(
        self, root: Path, *, token: str | None = None, before: Before | None = None, pushed: Pushed | None = None
    ) -> None:
        self.root = root
        self.token = token
        self.before = before
        self.pushed = pushed
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen and return the base URL, without a slash at its end. Port 0: any free one."""
        web_app = web.Application(client_max_size=MAX_BODY_BYTES)
        web_app.router.add_route("*", "/{path:.+}", self._handle)
        # Git unpacks what it packed: with aiohttp's own decompression a long negotiation fails.
        self._runner = web.AppRunner(web_app, auto_decompress=False, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound: tuple[str, int] = self._runner.addresses[0]
        self.url = f"http://{host}:{bound[1]}"
        return self.url

    async def stop(self) -> None:
        """Stop listening; requests under way are cut off."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> "GitServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.before and (answer := await self.before(request)):
            return answer
        if not self._admitted(request):
            return web.Response(
                status=401, text="a token is needed\n", headers={"WWW-Authenticate": 'Basic realm="git"'}
            )
        if not request.path.endswith("/git-receive-pack"):
            return await self._backend(request)
        repository = request.path.split("/")[1]
        before = await self._refs(repository)
        answer = await self._backend(request)
        await self._tell(repository, before)
        return answer

    def _admitted(self, request: web.Request) -> bool:
        if self.token is None:
            return True
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            password = base64.b64decode(value).partition(b":")[2]
        except ValueError:
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(password, self.token.encode())

    async def _backend(self, request: web.Request) -> web.Response:
        output = await _run("http-backend", env=self._cgi(request), body=await request.read())
        head, found, body = output.partition(b"\r\n\r\n")
        if not found:
            return web.Response(status=500, text="git http-backend gave no answer\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200").split()[0])
        headers.pop("Content-Length", None)
        return web.Response(status=status, body=body, headers=headers)

    def _cgi(self, request: web.Request) -> dict[str, str]:
        """The CGI environment. REMOTE_USER lets `git http-backend` take pushes."""
        given = {
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }
        return {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": request.remote or "",
            "REMOTE_USER": "anyone",
            **{name: value for name, value in given.items() if value},
        }

    async def _refs(self, repository: str) -> dict[str, str]:
        """Commit id by ref; empty when nobody listens or the repository is not there."""
        folder = self.root / repository
        if self.pushed is None or repository.startswith(".") or not folder.is_dir():
            return {}
        listed = await _run("-C", str(folder), "for-each-ref", "--format=%(refname) %(objectname)", env={})
        return dict(line.split(" ", 1) for line in listed.decode().splitlines())

    async def _tell(self, repository: str, before: Mapping[str, str]) -> None:
        after = await self._refs(repository)
        changed = tuple(
            RefUpdate(repository, ref, before.get(ref, NO_COMMIT), after.get(ref, NO_COMMIT))
            for ref in sorted({*before, *after})
            if before.get(ref) != after.get(ref)
        )
        if changed and self.pushed:
            await self.pushed(changed)


async def _run(*arguments: str, env: Mapping[str, str], body: bytes = b"") -> bytes:
    """Standard output of a git command that knows no configuration but the repository's own."""
    clean = {"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    process = await asyncio.create_subprocess_exec(
        "git",
        *arguments,
        env={**clean, **env},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        process_group=0,
    )
    try:
        output, _ = await process.communicate(body)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        await process.wait()
        raise
    return output
