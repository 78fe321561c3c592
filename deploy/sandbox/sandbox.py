"""A whole sandbox: a Kubernetes API in memory, served on 127.0.0.1, with its controllers running beside it."""

import contextlib
import pathlib
import secrets
from collections.abc import AsyncIterator

import yaml
from aiohttp import web

from deploy.sandbox.access import MASTERS
from deploy.sandbox.bootstrap import bootstrap
from deploy.sandbox.controllers import Controllers
from deploy.sandbox.server import build_app
from deploy.sandbox.state import DEFAULT_AUDIENCE, Config, State, Token, User


class Sandbox:
    """A running sandbox: `url`, an admin's token, and ways to let others in."""

    def __init__(self, state: State, url: str, admin_token: str) -> None:
        self.state = state
        self.url = url
        self.admin_token = admin_token

    @classmethod
    @contextlib.asynccontextmanager
    async def serve(cls, port: int = 0, config: Config | None = None) -> AsyncIterator["Sandbox"]:
        """Serve a fresh cluster on 127.0.0.1 until the block ends. Port 0: any free one."""
        state = State(config or Config())
        bootstrap(state)
        runner = web.AppRunner(build_app(state), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            async with Controllers(state):
                taken: int = runner.addresses[0][1]
                sandbox = cls(state, f"http://127.0.0.1:{taken}", secrets.token_urlsafe(24))
                sandbox.add_token(sandbox.admin_token, User("admin", "admin", (MASTERS, "system:authenticated")))
                yield sandbox
        finally:
            await runner.cleanup()

    def add_token(self, token: str, user: User, audiences: tuple[str, ...] = (DEFAULT_AUDIENCE,)) -> None:
        """Let a token stand for a user; what the user may is said by RBAC objects."""
        self.state.tokens[token] = Token(user, audiences)

    def forget_history(self) -> None:
        """Make every earlier resourceVersion too old (410) for watches and continued lists."""
        self.state.store.forget_history()

    def kubeconfig(self, path: pathlib.Path, token: str = "") -> pathlib.Path:
        """Write a kubeconfig for the admin (or another token) to `path`, readable by its owner only."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "sandbox",
            "clusters": [{"name": "sandbox", "cluster": {"server": self.url}}],
            "users": [{"name": "admin", "user": {"token": token or self.admin_token}}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "admin"}}],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(content))
        return path
