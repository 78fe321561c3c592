import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

import pytest

from deploy.demo.processes import ROOT


async def the_demo(*arguments: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.demo", *arguments),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
    )


async def test_the_whole_story_is_seen_in_the_cluster(tmp_path: Path) -> None:
    demo = await the_demo("--check", TMPDIR=str(tmp_path))
    output, _ = await demo.communicate()
    text = output.decode()
    assert demo.returncode == 0, text
    assert "All 7 steps were seen" in text
    assert "templates/deployment.yaml:24" in text
    assert list(tmp_path.iterdir()) == []


async def test_sigterm_stops_everything_that_was_started(tmp_path: Path) -> None:
    demo = await the_demo(TMPDIR=str(tmp_path))
    assert demo.stdout is not None
    async with asyncio.timeout(60):
        while b"First deploy" not in await demo.stdout.readline():
            pass
    children = [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if parent_of(stat) == demo.pid]
    demo.send_signal(signal.SIGTERM)
    await demo.communicate()
    assert demo.returncode == 130
    assert len(children) >= 4  # sandbox, Valkey, receiver, worker
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"CLUSTER": "moon"}, "CLUSTER=moon is none of sandbox, real, current"),
        ({"CLUSTER": "current", "KUBECONFIG": "/nonexistent"}, "The demo cannot start: /nonexistent cannot be used"),
    ],
)
async def test_a_cluster_that_is_none_is_said_so(environment: dict[str, str], sentence: str) -> None:
    demo = await the_demo("--check", **environment)
    output, _ = await demo.communicate()
    assert demo.returncode != 0
    assert sentence in output.decode()


def parent_of(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return 0
