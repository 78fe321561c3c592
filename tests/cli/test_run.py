import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from deploy.sandbox import Sandbox
from tests.receiver.recorded import SECRET, recorded

pytestmark = pytest.mark.alone

Process = asyncio.subprocess.Process


@asynccontextmanager
async def running(folder: Path, **environment: str) -> AsyncIterator[Process]:
    """`pilothouse run` on a sandbox; its last word is SIGTERM."""
    async with Sandbox.serve() as sandbox:
        given = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KUBECONFIG": str(sandbox.kubeconfig(folder / "kubeconfig")),
            "PILOTHOUSE_LISTEN": "127.0.0.1:0",
            "PILOTHOUSE_WORKER_LISTEN": "127.0.0.1:0",
            "PILOTHOUSE_WEBHOOK_GITHUB_SECRET": SECRET.decode(),
            **environment,
        }
        command = [sys.executable, "-m", "deploy.cli.main", "run", "--data-dir", str(folder / "data")]
        process = await asyncio.create_subprocess_exec(*command, env=given, stderr=asyncio.subprocess.PIPE)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(40):
                await process.communicate()


async def said(process: Process, words: str) -> str:
    """The next line of standard error with these words."""
    assert process.stderr
    async with asyncio.timeout(40):
        async for line in process.stderr:
            if words.encode() in line:
                return line.decode()
    raise AssertionError(f"it ended without saying {words!r}")


async def address(process: Process) -> str:
    """Where the receiver listens."""
    found: dict[str, Any] = json.loads(await said(process, "receiver listens"))
    return f"http://{found['addresses'][0]}"


def children_of(pid: int) -> dict[str, int]:
    """What each child runs -> its process id; `valkey-server` is a grandchild."""
    found = {}
    for child in _children(pid):
        line = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
        found[line[line.index("-m") + 1]] = child
    (found["valkey-server"],) = _children(found["deploy.cli.embedded_valkey"])
    return found


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(children: dict[str, int]) -> list[str]:
    """Those that still run; one that ended but was not collected by init yet does not."""
    found = []
    for name, pid in children.items():
        with suppress(FileNotFoundError):
            if "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                found.append(name)
    return found


async def test_one_command_runs_all_and_ends_all(tmp_path: Path, browser: ClientSession) -> None:
    async with running(tmp_path) as process:
        url = await address(process)
        delivery = recorded("github/push")
        headers = {name: value for name, value in delivery.headers.items() if name != "host"}
        async with browser.post(f"{url}/api/webhook", data=delivery.body, headers=headers) as response:
            assert response.status == 202
        children = children_of(process.pid)
        assert set(children) == {"receiver", "jobs", "deploy.cli.embedded_valkey", "valkey-server"}
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(40):
            await process.communicate()
        assert process.returncode == 0
        assert alive(children) == []
    assert list((tmp_path / "data" / "valkey").glob("appendonlydir/*"))


@pytest.mark.parametrize("module", ["receiver", "jobs", "deploy.cli.embedded_valkey"])
async def test_when_one_dies_all_end_and_it_says_which(module: str, tmp_path: Path) -> None:
    async with running(tmp_path) as process:
        await address(process)
        children = children_of(process.pid)
        os.kill(children[module], signal.SIGKILL)
        name = {"receiver": "the receiver", "jobs": "the worker"}.get(module, "Valkey")
        await said(process, f"{name} died with exit code -9")
        await process.communicate()
        assert process.returncode == 1
        assert alive(children) == []


async def test_a_second_one_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await address(first)
        async with running(tmp_path) as second:
            await said(second, "another `pilothouse run` uses")
            assert await second.wait() == 2
        assert first.returncode is None


async def test_a_wrong_setting_ends_it(tmp_path: Path) -> None:
    async with running(tmp_path, PILOTHOUSE_LISTEN="nowhere") as process:
        await said(process, "PILOTHOUSE_LISTEN")
        await said(process, "the receiver died with exit code 2")
        await process.communicate()
        assert process.returncode == 1
