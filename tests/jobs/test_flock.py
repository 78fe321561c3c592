import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.flock import StillLocked, locked


async def test_only_one_holds_the_lock_at_a_time(tmp_path: Path) -> None:
    inside = 0

    async def work() -> None:
        nonlocal inside
        async with locked(tmp_path / "folder/lock", 10):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(20)))


async def test_who_comes_after_a_failure_is_told_and_who_comes_after_that_is_not(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    async with locked(path, 1) as held:
        assert not held.interrupted
    with pytest.raises(ValueError, match="half-way"):
        async with locked(path, 1):
            raise ValueError("half-way")
    async with locked(path, 1) as held:
        assert held.interrupted
    async with locked(path, 1) as held:
        assert not held.interrupted


async def test_waiting_has_an_end_and_can_be_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    async def wait() -> None:
        async with locked(path, 10):
            raise AssertionError("two hold the lock")

    async with locked(path, 1):
        with pytest.raises(StillLocked):
            async with locked(path, 0):
                pass
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with locked(path, 5):
        pass


HOLDER = """
import fcntl, sys, time
file = open(sys.argv[1], "r+b")
fcntl.flock(file, fcntl.LOCK_EX)
file.write(b"busy")
file.flush()
print("held", flush=True)
time.sleep(60)
"""


async def test_a_killed_process_gives_the_lock_back_and_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout
        await asyncio.to_thread(holder.stdout.readline)
        with pytest.raises(StillLocked):
            async with locked(path, 0.05):
                pass
    finally:
        holder.kill()
        await asyncio.to_thread(holder.communicate)
    async with locked(path, 5) as held:
        assert held.interrupted
