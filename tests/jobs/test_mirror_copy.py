"""The copy on disk under bad hosts, bad luck and several workers."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from jobs.core.credentials import Credentials
from jobs.core.errors import FetchError
from jobs.mirror import Mirror
from tests.mirrors import FILES, git_processes, hosted, mirrors_in, until
from tests.repos import Repo


def _folder(mirror: Mirror) -> Path:
    return mirror.copy.folder


def _interrupted(mirror: Mirror) -> None:
    """The lock as a killed worker leaves it."""
    mirror.copy.folder.with_suffix(".lock").write_bytes(b"busy")


class Fault:
    """What a host does instead of answering a POST, while it is on."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.on = False
        self.arrived = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        if not self.on or request.method == "GET":
            return None
        self.arrived.set()
        if self.kind == "stalls":
            await asyncio.Event().wait()
        answer = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-result"})
        await answer.prepare(request)
        await answer.write(b"0011packfile\n0023\x01PACK\x00\x00")
        assert request.transport
        request.transport.abort()
        return answer


async def test_a_host_that_dies_in_the_middle_of_a_fetch_is_reported_and_then_fetched_from(tmp_path: Path) -> None:
    fault = Fault("dies")
    async with hosted(tmp_path, before=fault) as host:
        mirror = await host.mirror()
        before = await mirror.refresh()
        commit = host.repo.push({"a": "1"})
        fault.on = True
        with pytest.raises(FetchError, match=r"^127\.0\.0\.1:\d+/shop: git (fetch|ls-remote): "):
            await mirror.refresh()
        assert "README.md" in await mirror.tree(before.head), "what was there is still readable"
        fault.on = False
        assert (await mirror.refresh()).head == commit


async def test_a_fetch_that_takes_too_long_is_killed_and_reported(tmp_path: Path) -> None:
    fault = Fault("stalls")
    async with hosted(tmp_path, before=fault, settings={"git_timeout_s": 1}) as host:
        mirror = await host.mirror()
        fault.on = True
        with pytest.raises(FetchError, match=r"/shop: git fetch took longer than 1 s"):
            await mirror.refresh()
        assert git_processes(host.url) == []
        fault.on = False
        assert (await mirror.refresh()).head == host.repo.head()


async def test_cancelling_the_only_caller_kills_every_process_of_the_fetch(tmp_path: Path) -> None:
    fault = Fault("stalls")
    async with hosted(tmp_path, before=fault) as host:
        mirror = await host.mirror()
        await mirror.refresh()
        fault.on = True
        refresh = asyncio.create_task(mirror.refresh())
        await fault.arrived.wait()
        assert git_processes(host.url)
        refresh.cancel()
        with pytest.raises(asyncio.CancelledError):
            await refresh
        await until(lambda: not git_processes(host.url))
        fault.on = False
        assert (await mirror.refresh()).head == host.repo.head()


async def test_what_a_killed_git_left_in_the_way_is_cleared(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        await mirror.refresh()
        left = [
            _folder(mirror) / name
            for name in ("packed-refs.lock", "refs/heads/main.lock", "shallow.lock", "objects/tmp_obj_x")
        ]
        for file in left:
            file.touch()
        (_folder(mirror) / "objects/tmp_objdir-incoming-x").mkdir()
        (_folder(mirror) / "refs/heads/tmp_branch").write_text(f"{host.repo.head()}\n")
        host.repo.push(branch="tmp_branch")
        _folder(mirror).with_suffix(".new").mkdir()
        _interrupted(mirror)
        snapshot = await mirror.refresh()
        assert snapshot.refs.keys() == {"refs/heads/main", "refs/heads/tmp_branch"}
        assert not [file for file in left if file.exists()]
        assert not list(_folder(mirror).glob("objects/tmp_*"))
        assert not _folder(mirror).with_suffix(".new").exists()


async def test_a_worker_killed_between_two_renames_loses_nothing(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await (await host.mirror()).refresh()
        folder = _folder(await host.mirror())
        folder.rename(folder.with_suffix(".old"))
        _interrupted(await host.mirror())
        other = await mirrors_in(tmp_path).at(host.url)
        before = host.commands
        assert (await other.refresh()).head == host.repo.head()
        assert host.commands == before + 1, "fetched, not made anew"
        await other.close()


@pytest.mark.parametrize("damage", ["objects/pack/*.pack", "objects/pack/*.idx", "refs/heads/main", "config", "HEAD"])
async def test_a_damaged_mirror_is_made_anew(tmp_path: Path, damage: str) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        commit = (await mirror.refresh()).head
        files = list(_folder(mirror).glob(damage))
        assert files
        for file in files:
            file.chmod(0o600)
            file.write_bytes(b"\0garbage")
        pushed = host.repo.push({"a": "1"})
        await mirror.close()
        assert (await mirror.refresh()).head == pushed
        assert await mirror.archive(pushed, [""])
        assert await mirror.archive(commit, ["README.md"])


async def test_files_that_went_lost_are_reported_once_and_then_there_again(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        entry = (await mirror.tree((await mirror.refresh()).head)).get("README.md")
        assert entry
        for pack in _folder(mirror).glob("objects/pack/*"):
            pack.unlink()
        await mirror.close()
        with pytest.raises(FetchError, match="the mirror has lost files of this commit"):
            await mirror.blobs([entry.id])
        await mirror.refresh()
        assert await mirror.blobs([entry.id]) == {entry.id: FILES["README.md"].encode()}


async def test_a_mirror_that_was_deleted_under_a_running_worker_comes_back(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        commit = (await mirror.refresh()).head
        await mirror.tree(commit)
        _folder(mirror).rename(tmp_path / "gone")
        pushed = host.repo.push({"a": "1"})
        assert (await mirror.refresh()).head == pushed
        assert await mirror.archive(pushed, ["a"])


async def test_a_host_that_is_gone_leaves_the_mirror_as_it_was(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        commit = (await mirror.refresh()).head
        await host.server.stop()
        with pytest.raises(FetchError, match=r"/shop: git ls-remote: .*(refused|connect)"):
            await mirror.refresh()
        assert await mirror.archive(commit, ["README.md"])
        with pytest.raises(FetchError, match=r"/shop: git ls-remote: "):
            await mirror.remote_refs()


async def test_workers_on_one_folder_take_turns(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        workers = [host.mirrors, mirrors_in(tmp_path), mirrors_in(tmp_path)]
        found = await asyncio.gather(*[(await worker.at(host.url)).refresh() for worker in workers for _ in range(2)])
        assert {snapshot.head for snapshot in found} == {host.repo.head()}
        pushed = host.repo.push({"a": "1"})
        # The second worker reads what the first has fetched, by a process that was started before.
        await (await workers[1].at(host.url)).tree(found[0].head)
        await (await workers[0].at(host.url)).refresh()
        assert "a" in await (await workers[1].at(host.url)).tree(pushed)
        for worker in workers[1:]:
            await worker.close()


KILLED_WORKER = """
import asyncio, sys
from pathlib import Path
from tests.mirrors import mirrors_in

async def main() -> None:
    await (await mirrors_in(Path(sys.argv[1])).at(sys.argv[2])).refresh()

asyncio.run(main())
"""


async def test_a_worker_killed_in_the_middle_of_a_fetch_holds_nobody_up(tmp_path: Path) -> None:
    fault = Fault("stalls")
    async with hosted(tmp_path, before=fault) as host:
        mirror = await host.mirror()
        await mirror.refresh()
        fault.on = True
        arguments = [sys.executable, "-c", KILLED_WORKER, str(tmp_path), host.url]
        worker = subprocess.Popen(arguments, cwd=Path(__file__).parents[2])
        try:
            await asyncio.wait_for(fault.arrived.wait(), 20)
        finally:
            os.kill(worker.pid, signal.SIGKILL)
            await asyncio.to_thread(worker.wait)
        fault.on = False
        pushed = host.repo.push({"a": "1"})
        async with asyncio.timeout(10):
            assert (await mirror.refresh()).head == pushed


async def test_a_redirect_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async def redirect(request: web.Request) -> web.StreamResponse | None:
        if request.path.startswith("/moved"):
            return web.Response(status=301, headers={"Location": str(request.rel_url).replace("moved", "shop")})
        return None

    credentials = Credentials(username="bot", password="s3cret-token")
    async with hosted(tmp_path, before=redirect, credentials=credentials) as host:
        mirror = await host.mirrors.at(host.url.replace("shop", "moved"))
        with pytest.raises(FetchError, match="redirects are not followed: use the address it redirects to"):
            await mirror.refresh()
        assert not [request for request in host.requests if "/shop" in request]


async def test_the_right_token_is_taken_and_is_neither_in_arguments_nor_on_disk(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def look_at_arguments(request: web.Request) -> None:
        seen.extend(git_processes(f"http://{request.host}"))

    credentials = Credentials(username="bot", password="s3cret-token")
    async with hosted(tmp_path, token="s3cret-token", credentials=credentials, before=look_at_arguments) as host:
        snapshot = await (await host.mirror()).refresh()
        assert snapshot.head == host.repo.head()
        assert host.commands >= 1
    assert seen
    assert not [arguments for arguments in seen if b"s3cret" in arguments or b"Authorization" in arguments]
    files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if b"s3cret-token" in file.read_bytes()]


@pytest.mark.parametrize(
    ("credentials", "hint"),
    [
        (Credentials(username="bot", password="wrong-s3cret"), "check the repository Secret|add a repository Secret"),
        (Credentials(bearer_token="wrong-s3cret"), "check the repository Secret|add a repository Secret"),
        (Credentials(), "add a repository Secret for this address"),
    ],
)
async def test_wrong_credentials_are_reported_without_showing_them(
    tmp_path: Path, credentials: Credentials, hint: str
) -> None:
    async with hosted(tmp_path, token="right", credentials=credentials) as host:
        with pytest.raises(FetchError, match=hint) as caught:
            await (await host.mirror()).refresh()
        assert "wrong-s3cret" not in caught.value.message


async def test_a_host_that_repeats_the_token_in_its_error_does_not_get_it_into_ours(tmp_path: Path) -> None:
    async def tell(_: web.Request) -> web.StreamResponse:
        return web.Response(status=403, text="token s3cret-token is not welcome\n", content_type="text/plain")

    credentials = Credentials(username="bot", password="s3cret-token")
    async with hosted(tmp_path, before=tell, credentials=credentials) as host:
        with pytest.raises(FetchError) as caught:
            await (await host.mirror()).refresh()
        assert "is not welcome" in caught.value.message
        assert "s3cret-token" not in caught.value.message


async def test_a_commit_that_fails_gits_own_checks_is_not_let_in(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        before = await mirror.refresh()
        blob = host.repo.git("rev-parse", "HEAD:README.md")
        evil = host.root / "tree"
        evil.write_bytes(b"100644 .git\0" + bytes.fromhex(blob))
        tree = host.repo.git("hash-object", "-t", "tree", "-w", "--literally", str(evil))
        commit = host.repo.git("commit-tree", "-m", "A tree with a .git in it", tree)
        host.repo.git("push", "-q", "origin", f"{commit}:refs/heads/evil")
        with pytest.raises(FetchError, match="hasDotgit"):
            await mirror.refresh()
        assert await mirror.archive(before.head, ["README.md"]), "the good copy is still there"


async def test_flaws_of_old_honest_repositories_are_let_in(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "host")
    repo.push(FILES)
    blob = repo.git("rev-parse", "HEAD:README.md")
    entries = tmp_path / "tree"
    inner = repo.git("rev-parse", "HEAD:charts")
    entries.write_bytes(b"100644 README.md\0" + bytes.fromhex(blob) + b"040000 charts\0" + bytes.fromhex(inner))
    tree = repo.git("hash-object", "-t", "tree", "-w", "--literally", str(entries))
    commit = repo.git("commit-tree", "-m", "Zero-padded modes, as old tools wrote them", tree)
    repo.git("push", "-q", "--force", "origin", f"{commit}:refs/heads/main")
    async with hosted(tmp_path, repo=repo) as host:
        mirror = await host.mirror()
        assert (await mirror.refresh()).head == commit
        assert "charts/web/values.yaml" in await mirror.tree(commit)
