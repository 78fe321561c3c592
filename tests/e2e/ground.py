"""What the tests of one process and API server share: CRDs, a Git host, Valkey, and a worker's handlers."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.git_server import GitServer
from jobs.enqueue import Queue
from jobs.parts import Parts
from jobs.settings import Settings, read
from jobs.wiring import build
from jobs.work import Work
from jobs.worker import running
from tests.controlplane.request import KubeRequest
from tests.deploy.cluster import install_crds
from tests.valkey import Valkey

Tasks = Mapping[str, Callable[[], Awaitable[None]]]


def quiet(tasks: Tasks) -> Tasks:
    """All but the watches on what is deployed: a test says itself when drift is looked for."""
    return {name: task for name, task in tasks.items() if name != "watch"}


@dataclass(frozen=True, slots=True)
class Ground:
    """What the tests of one process and API server share."""

    kube: KubeRequest
    home: str
    """The namespace of the Applications."""
    queue: Queue
    valkey: Valkey
    git: GitServer
    work: Work
    parts: Parts

    @classmethod
    @contextlib.asynccontextmanager
    async def prepared(cls, kube: KubeRequest, kubeconfig: Path, folder: Path) -> AsyncIterator["Ground"]:
        """CRDs, a home namespace, Valkey, a Git host and the real handlers; the watch on Applications runs."""
        home = f"home-{secrets.token_hex(4)}"
        await install_crds(kube)
        status, body = await kube("POST", "/api/v1/namespaces", {"metadata": {"name": home}})
        assert status == 201, body
        valkey = Valkey().start()
        settings = read(
            Settings,
            KUBECONFIG=str(kubeconfig),
            namespaces=(home,),
            redis_url=valkey.url,
            git_protocols=("http",),
            data_dir=folder / "data",
            renderers=1,
            refresh_interval_s=0,  # tests push faster than people, and look at each push
        )
        (folder / "git").mkdir(parents=True)
        queue = Queue.of(settings)
        try:
            async with GitServer(folder / "git") as git, build(settings, queue) as work, running(quiet(work.tasks)):
                # The handlers are partials over the parts the wiring built: there is no second way to them.
                parts: Parts = work.handlers["application"].keywords["parts"]  # type: ignore[attr-defined]
                yield cls(kube, home, queue, valkey, git, work, parts)
        finally:
            await queue.close()
            await kube("DELETE", f"/api/v1/namespaces/{home}")
            valkey.remove()
