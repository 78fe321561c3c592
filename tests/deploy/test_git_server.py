"""The small Git host, spoken to by the real git."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from aiohttp import web

from deploy.demo.git_server import NO_COMMIT, GitServer, RefUpdate
from tests.repos import ENVIRONMENT, Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "host")
    repo.push({"README.md": "hello\n"})
    return repo


async def _git(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**ENVIRONMENT, "HOME": str(cwd), "GIT_TERMINAL_PROMPT": "0"}
    return await asyncio.to_thread(
        subprocess.run, ["git", *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=30
    )


async def test_a_clone_may_be_changed_and_pushed_and_the_push_is_told(tmp_path: Path, repo: Repo) -> None:
    told: list[RefUpdate] = []

    async def tell(updates: tuple[RefUpdate, ...]) -> None:
        told.extend(updates)

    async with GitServer(repo.bare.parent, pushed=tell) as server:
        assert (await _git("clone", "-q", f"{server.url}/shop.git", "clone", cwd=tmp_path)).returncode == 0
        clone = tmp_path / "clone"
        await _git("commit", "-q", "--allow-empty", "-m", "Nothing new", cwd=clone)
        after = (await _git("rev-parse", "HEAD", cwd=clone)).stdout.strip()
        assert (await _git("push", "-q", "origin", "HEAD:main", "HEAD:refs/heads/new", cwd=clone)).returncode == 0
        before = repo.head()
        assert told == [
            RefUpdate("shop.git", "refs/heads/main", before, after),
            RefUpdate("shop.git", "refs/heads/new", NO_COMMIT, after),
        ]
        told.clear()
        assert (await _git("push", "-q", "origin", ":refs/heads/new", cwd=clone)).returncode == 0
        assert told == [RefUpdate("shop.git", "refs/heads/new", after, NO_COMMIT)]


@pytest.mark.parametrize(("user", "code"), [("", 128), ("any:wrong@", 128), ("any:right@", 0)])
async def test_with_a_token_nobody_reads_without_it(tmp_path: Path, repo: Repo, user: str, code: int) -> None:
    async with GitServer(repo.bare.parent, token="right") as server:
        url = f"{server.url}/shop.git".replace("://", f"://{user}")
        assert (await _git("ls-remote", url, cwd=tmp_path)).returncode == code


@pytest.mark.parametrize("path", ["gone.git", "../../etc", "%2e%2e/host/shop.git", "x/%2e%2e/shop.git"])
async def test_what_is_no_repository_below_the_root_is_not_served(tmp_path: Path, repo: Repo, path: str) -> None:
    async with GitServer(repo.bare.parent) as server:
        done = await _git("ls-remote", f"{server.url}/{path}", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (128, "")


async def test_a_hook_may_answer_in_the_servers_place(tmp_path: Path, repo: Repo) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503, text="down\n")

    async with GitServer(repo.bare.parent, before=refuse) as server:
        done = await _git("ls-remote", f"{server.url}/shop.git", cwd=tmp_path)
        assert "503" in done.stderr


async def test_a_large_compressed_negotiation_is_understood(tmp_path: Path, repo: Repo) -> None:
    async with GitServer(repo.bare.parent) as server:
        assert (await _git("clone", "-q", f"{server.url}/shop.git", "clone", cwd=tmp_path)).returncode == 0
        for number in range(120):  # haves that the host does not know: git compresses a request of more than 1 KB
            await _git("commit", "-q", "--allow-empty", "-m", f"Own {number}", cwd=tmp_path / "clone")
        repo.push({"README.md": "changed\n"})
        done = await _git("fetch", "-q", "origin", cwd=tmp_path / "clone")
        assert (done.returncode, done.stderr) == (0, "")
