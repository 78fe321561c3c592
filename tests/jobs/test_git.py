"""The runner: what a command gets to see, and that nothing is left of it."""

import asyncio
import os
from pathlib import Path

import pytest

from jobs.core.credentials import Credentials
from jobs.core.errors import FetchError
from jobs.git import Git
from jobs.settings import Settings
from tests.mirrors import git_processes, until


def _git(**settings: float) -> Git:
    return Git(Settings(git_timeout_s=settings.get("git_timeout_s", 20)))


def _own(script: str) -> dict[str, str]:
    """The environment in which `git own` runs a script of the test, as git runs its own helpers."""
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "alias.own", "GIT_CONFIG_VALUE_0": f"!{script}"}


async def test_a_command_sees_nothing_of_the_workers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch /tmp/x")
    monkeypatch.setenv("PILOTHOUSE_WEBHOOK_GITHUB_SECRET", "s3cret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("PATH", f".:bin:{os.environ['PATH']}")
    answer = await _git().run(("own",), env=_own("env") | {"EXTRA": "given"})
    seen = dict(line.split("=", 1) for line in answer.output.decode().splitlines() if "=" in line)
    assert not {"GIT_DIR", "GIT_SSH_COMMAND", "PILOTHOUSE_WEBHOOK_GITHUB_SECRET"} & seen.keys()
    assert (seen["HTTPS_PROXY"], seen["EXTRA"], seen["HOME"]) == ("http://proxy:1", "given", "/nonexistent")
    assert seen["GIT_ALLOW_PROTOCOL"] == "https:ssh"
    assert not [entry for entry in seen["PATH"].split(":") if not entry.startswith("/")]


async def test_a_command_that_takes_too_long_is_killed_with_its_children() -> None:
    with pytest.raises(FetchError, match=r"git own took longer than 1 s"):
        await _git(git_timeout_s=1).run(("own",), env=_own("sleep 98765 & sleep 98765"))
    assert git_processes("98765") == []


async def test_a_cancelled_command_is_killed_with_its_children() -> None:
    running = asyncio.create_task(_git().run(("own",), env=_own("sleep 98764 & sleep 98764")))
    await until(lambda: len(git_processes("sleep\x0098764")) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert git_processes("98764") == []


async def test_endless_output_is_cut_off() -> None:
    with pytest.raises(FetchError, match=r"git own gave more than 1 MB"):
        await _git().run(("own",), env=_own("yes abcdefgh"), max_output_bytes=1024 * 1024)
    assert git_processes("abcdefgh") == []


async def test_endless_error_text_is_read_and_dropped() -> None:
    answer = await _git().run(("own",), env=_own("yes an error | head -c 20000000 >&2; exit 3"))
    assert answer.code != 0
    assert len(answer.words) < 2000


async def test_words_hide_the_credentials_of_the_call() -> None:
    answer = await _git().run(
        ("own",),
        env=_own("echo fatal: s3cret-token at https://u:pw@host/x >&2; exit 1"),
        credentials=Credentials(password="s3cret-token"),
    )
    assert answer.words.startswith("fatal: *** at https://***@host/x")


async def test_a_hook_of_the_repository_is_not_run(tmp_path: Path) -> None:
    git = _git()
    await git.run(("init", "--quiet", "--bare", "--template=", str(tmp_path / "r")))
    hook = tmp_path / "r/hooks/reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    written = await git.run((f"--git-dir={tmp_path / 'r'}", "hash-object", "-w", "--", "/dev/null"))
    blob = written.output.decode().strip()
    answer = await git.run((f"--git-dir={tmp_path / 'r'}", "update-ref", "refs/tags/x", blob))
    assert answer.code == 0
    assert not (tmp_path / "ran").exists()


async def test_a_writer_dies_with_its_worker_or_keeps_the_lock(tmp_path: Path) -> None:
    git = _git()
    with (tmp_path / "lock").open("w") as lock:
        answer = await git.run(("own",), env=_own("ls -l /proc/self/fd"), held=(lock.fileno(),))
        keeps_the_lock = str(tmp_path / "lock") in answer.output.decode()
    dies = git._mortal is not None
    assert keeps_the_lock is not dies
