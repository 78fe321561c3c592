"""Everything a Pilothouse needs around it, started for real: Valkey, a Git host with webhooks, receiver and workers.

The demo, the end-to-end tests and the bench all play on this stage; they bring the cluster (a kubeconfig) and the play.
Each process has its own log in `stage.logs`: receiver.log, worker-1.log, worker-2.log, ..., valkey.log.
"""

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from deploy.demo import ground
from deploy.demo.cluster import Cluster
from deploy.demo.git_server import GitServer
from deploy.demo.hook import Delivery, Hook
from deploy.demo.processes import Child, free_port
from deploy.demo.valkey import Valkey
from deploy.demo.working_copy import Files, WorkingCopy

HOME = "pilothouse"
"""The namespace of the Applications unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """One `git push` that came back."""

    revision: str
    started_at: float
    """`time.monotonic()` when `git push` was started."""
    delivery: Delivery | None
    """The webhook it caused; None: the host was silent. Its `sent_at` is the moment the host knew of the push."""
    ended_at: float
    """`time.monotonic()` when `git push` came back."""

    @property
    def known_at(self) -> float:
        """When the webhook was sent, or else when the push was over: what latencies are counted from."""
        return self.delivery.sent_at if self.delivery else self.ended_at


class Stage:
    """A running Pilothouse and its surroundings. `Stage.up` makes one; all of it is gone when the block ends."""

    cluster: Cluster
    """The cluster, for looking and for hand edits, with the kubeconfig's rights."""
    token: str
    """For the receiver's API: a ServiceAccount that may get, list and sync Applications, audience `pilothouse`."""
    receiver: Child
    receiver_port: int

    def __init__(self, folder: Path, kubeconfig: Path | str, settings: Mapping[str, str]) -> None:
        """Nothing is started here; use `Stage.up`."""
        self.folder, self.kubeconfig = folder, str(kubeconfig)
        self.logs = folder / "logs"
        for each in (self.logs, folder / "tmp"):
            each.mkdir(parents=True)
        self.secret = secrets.token_urlsafe(24)
        self.valkey = Valkey(self.logs)
        self.hook = Hook(self.git_url, lambda: self.receiver_url, self.secret)
        self.git = GitServer(folder / "git", pushed=self.hook.pushed)
        self.workers: list[Child] = []
        self._copies: dict[str, WorkingCopy] = {}
        self._ports: dict[str, int] = {}
        self._settings = {**self._defaults(), **settings}

    @classmethod
    @asynccontextmanager
    async def up(
        cls,
        *,
        kubeconfig: Path | str,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> AsyncIterator["Stage"]:
        """Start everything, yield it when all of it answers, and end all of it, whatever happens.

        settings: environment variables that win over the stage's, e.g. {"PILOTHOUSE_NAMESPACES": "team-a"}: the
        first namespace is home; they are created if need be, and so are the CRDs (which stay).
        kubeconfig: absolute path; or several, with colons between.
        folder: kept afterwards, with the logs; without it a temporary one is used and removed.
        Raises ChildError with the end of the log of the process that did not start, ClusterError, AccessError.
        """
        async with AsyncExitStack() as stack:
            if folder is None:
                folder = Path(tempfile.mkdtemp(prefix="pilothouse-"))
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stage = cls(folder, kubeconfig, settings or {})
            stage.cluster = await stack.enter_async_context(Cluster.connect(stage.kubeconfig))
            stack.push_async_callback(stage._end)
            await stage._begin(workers)
            yield stage

    async def _begin(self, workers: int) -> None:
        self.git.root.mkdir()
        await self.git.start()
        await self.valkey.start()
        self.token = await ground.prepare(self.cluster, self.namespaces)
        self.receiver_port = free_port()
        await self.start_receiver()
        for _ in range(workers):
            await self.start_worker()

    async def _end(self) -> None:
        """In the order that lets each say goodbye to the next; every one is tried, whatever the others do."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.git.stop)
            stack.push_async_callback(self.valkey.stop)
            for child in (getattr(self, "receiver", None), *self.workers):
                if child is not None:
                    stack.push_async_callback(child.stop, within_s=5.0)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those whose Applications are served, home first."""
        return tuple(part.strip() for part in self._settings["PILOTHOUSE_NAMESPACES"].split(","))

    @property
    def home(self) -> str:
        """Where Applications go unless another namespace is served too."""
        return self.namespaces[0]

    @property
    def receiver_url(self) -> str:
        """Base URL of webhook and API; the same after a restart."""
        return f"http://127.0.0.1:{self.receiver_port}"

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of the workers that run."""
        return tuple(worker.pid for worker in self.workers if worker.alive)

    def worker_url(self, worker: Child) -> str:
        """Base URL of a worker's /healthz and /metrics."""
        return f"http://127.0.0.1:{self._ports[worker.name]}"

    def git_url(self, name: str) -> str:
        """The address of a repository, to be written into an Application: `shop` or `shop.git`."""
        return f"{self.git.url}/{name.removesuffix('.git')}.git"

    async def repository(self, name: str) -> WorkingCopy:
        """The working copy of a repository, which is created, empty, when it is first asked for."""
        if name not in self._copies:
            copy = WorkingCopy(self.git.root, name, self.git_url(name))
            await copy.create()
            self._copies[name] = copy
        return self._copies[name]

    async def push(
        self, name: str, files: Files | None = None, message: str = "Change", *, branch: str = "main"
    ) -> Pushed:
        """Commit files, if there are any, and push the working copy; the webhook has been answered on return."""
        copy = await self.repository(name)
        revision = await copy.commit(files, message) if files else await copy.head()
        sent = len(self.hook.deliveries)
        started_at = time.monotonic()
        await copy.push(branch=branch)
        return Pushed(revision, started_at, next(iter(self.hook.deliveries[sent:]), None), time.monotonic())

    async def start_receiver(self) -> None:
        """Start the receiver, on the port it always had. Raises ChildError."""
        environment = self._environment({"PILOTHOUSE_LISTEN": f"127.0.0.1:{self.receiver_port}"})
        command = [sys.executable, "-m", "receiver"]
        self.receiver = await Child.start("receiver", command, log=self.logs / "receiver.log", env=environment)
        await self.receiver.ready(lambda: _answers(f"{self.receiver_url}/readyz"))

    async def start_worker(self, settings: Mapping[str, str] | None = None) -> Child:
        """Start one more worker. settings: for it alone. To crash it: `await worker.kill()`. Raises ChildError."""
        name = f"worker-{len(self.workers) + 1}"
        self._ports[name] = free_port()
        own = {"PILOTHOUSE_WORKER_LISTEN": f"127.0.0.1:{self._ports[name]}", **(settings or {})}
        command = [sys.executable, "-m", "jobs"]
        worker = await Child.start(name, command, log=self.logs / f"{name}.log", env=self._environment(own))
        self.workers.append(worker)
        await worker.ready(lambda: _answers(f"{self.worker_url(worker)}/healthz"))
        return worker

    def last_lines(self, count: int = 12) -> str:
        """The end of each log, under its name: what to print when something went wrong."""
        ends = {log.name: log.read_text(errors="replace").splitlines()[-count:] for log in sorted(self.logs.iterdir())}
        return "\n\n".join(f"--- {name}\n" + "\n".join(lines) for name, lines in ends.items() if lines)

    def _defaults(self) -> dict[str, str]:
        """What differs from production: plain HTTP for Git, addresses of this machine, folders of this stage."""
        return {
            "KUBECONFIG": self.kubeconfig,
            "PILOTHOUSE_NAMESPACES": HOME,
            "PILOTHOUSE_REDIS_URL": self.valkey.url,
            "PILOTHOUSE_DATA_DIR": str(self.folder / "data"),
            "PILOTHOUSE_GIT_PROTOCOLS": "http",
            "PILOTHOUSE_WEBHOOK_GITHUB_SECRET": self.secret,
            "TMPDIR": str(self.folder / "tmp"),  # what a killed worker leaves behind goes with the stage
        }

    def _environment(self, own: Mapping[str, str]) -> dict[str, str]:
        """The person's environment without settings of another Pilothouse, which would leak in."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PILOTHOUSE_")}
        return {**inherited, **self._settings, **own}


async def _answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError):
        return False
