"""What a mirror answers, from a real repository over real smart HTTP."""

import asyncio
import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from jobs import mirror_copy
from jobs.core.errors import FetchError
from jobs.core.revision import Resolved
from tests.mirrors import FILES, hosted
from tests.repos import Repo, git


async def test_a_refresh_gives_the_refs_as_they_are_on_the_host(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        first = host.repo.head()
        tag = host.repo.tag("v1.0.0", annotated=True)
        snapshot = await mirror.refresh()
        assert snapshot.refs == {"refs/heads/main": first, "refs/tags/v1.0.0": tag}
        assert (snapshot.head, snapshot.default_branch) == (first, "refs/heads/main")
        second = host.repo.push({"README.md": "changed\n"})
        assert (await mirror.refresh()).refs["refs/heads/main"] == second
        assert await mirror.remote_refs() == await mirror.refresh()


async def test_a_refresh_of_a_known_repository_is_one_command(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        await mirror.refresh()
        host.repo.push({"README.md": "changed\n"})
        before = host.commands
        await mirror.refresh()
        assert host.commands == before + 1


async def test_callers_at_the_same_time_share_one_fetch(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        await mirror.refresh()
        before = host.commands
        snapshots = await asyncio.gather(*(mirror.refresh() for _ in range(100)))
        assert host.commands == before + 1
        assert len({snapshot.head for snapshot in snapshots}) == 1


async def test_a_fetch_that_began_before_does_not_answer_who_asks_later(tmp_path: Path) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def hold_the_answer(request: web.Request) -> None:
        if arrived.is_set() or request.method == "GET":
            return
        arrived.set()
        await go_on.wait()

    async with hosted(tmp_path, before=hold_the_answer) as host:
        mirror = await host.mirror()
        early = asyncio.create_task(mirror.refresh())
        await arrived.wait()
        later = [asyncio.create_task(mirror.refresh()) for _ in range(3)]
        await asyncio.sleep(0)
        commit = host.repo.push({"README.md": "pushed meanwhile\n"})
        go_on.set()
        await early
        assert {(await task).head for task in later} == {commit}


async def test_a_force_push_and_a_deleted_branch_leave_nothing_behind(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        host.repo.push({"a": "1"}, branch="feature")
        host.repo.push({"a": "2"})
        await mirror.refresh()
        forced = host.repo.force_push({"a": "3"})
        host.repo.delete_branch("feature")
        snapshot = await mirror.refresh()
        assert snapshot.refs == {"refs/heads/main": forced}
        with pytest.raises(FetchError, match=r"shop has no branch, tag or commit 'feature'"):
            await mirror.resolve("feature", snapshot)


async def test_a_branch_may_become_the_folder_of_another(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        host.repo.push(branch="release")
        await mirror.refresh()
        host.repo.delete_branch("release")
        host.repo.push(branch="release/1.0")
        assert set((await mirror.refresh()).refs) == {"refs/heads/main", "refs/heads/release/1.0"}


async def test_a_new_default_branch_is_noticed(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        await mirror.refresh()
        commit = host.repo.push({"a": "1"}, branch="trunk")
        host.repo.default_branch("trunk")
        snapshot = await mirror.refresh()
        assert (snapshot.head, snapshot.default_branch) == (commit, "refs/heads/trunk")
        host.repo.delete_branch("trunk")  # HEAD points nowhere now
        snapshot = await mirror.refresh()
        assert (snapshot.head, snapshot.default_branch) == ("", "")


async def test_an_empty_repository_is_no_error_and_may_be_filled(tmp_path: Path) -> None:
    async with hosted(tmp_path, repo=Repo(tmp_path / "host")) as host:
        mirror = await host.mirror()
        snapshot = await mirror.refresh()
        assert (snapshot.refs, snapshot.head) == ({}, "")
        commit = host.repo.push(FILES)
        assert (await mirror.resolve("", await mirror.refresh())).revision == commit


async def test_a_repository_of_sha256_works_like_any_other(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "host", object_format="sha256")
    commit = repo.push(FILES)
    async with hosted(tmp_path, repo=repo) as host:
        mirror = await host.mirror()
        snapshot = await mirror.refresh()
        assert (await mirror.resolve(commit, snapshot)).revision == commit
        assert len(commit) == 64
        assert "README.md" in await mirror.tree(commit)


async def test_tags_of_tags_are_peeled_and_tags_of_files_are_left_out(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        commit = host.repo.tag("inner", annotated=True)
        host.repo.tag("outer", "inner", annotated=True)
        host.repo.git("tag", "file", "HEAD:README.md")
        host.repo.git("push", "-q", "origin", "refs/tags/file")
        mirror = await host.mirror()
        snapshot = await mirror.refresh()
        assert snapshot.refs["refs/tags/outer"] == commit
        assert "refs/tags/file" not in snapshot.refs


async def test_revisions_are_resolved_as_branch_tag_range_and_commit(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        first = host.repo.tag("v1.2.0")
        second = host.repo.push({"a": "1"})
        host.repo.tag("v1.3.0", annotated=True)
        mirror = await host.mirror()
        snapshot = await mirror.refresh()
        assert await mirror.resolve("HEAD", snapshot) == Resolved(second, "refs/heads/main")
        assert await mirror.resolve("~1.2", snapshot) == Resolved(first, "refs/tags/v1.2.0")
        assert await mirror.resolve("1.x", snapshot) == Resolved(second, "refs/tags/v1.3.0")
        assert await mirror.resolve(first, snapshot) == Resolved(first)
        assert await mirror.resolve(first[:8], snapshot) == Resolved(first)


async def test_a_commit_that_no_ref_leads_to_is_fetched_by_its_id(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        dropped = host.repo.push({"a": "1"})
        host.repo.force_push({"a": "2"})
        mirror = await host.mirror()
        assert (await mirror.resolve(dropped, await mirror.refresh())).revision == dropped
        assert (await mirror.blobs([(await mirror.tree(dropped)).under("a")["a"].id])).popitem()[1] == b"1"


async def test_a_ref_outside_of_branches_and_tags_is_fetched_when_it_is_wanted(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        snapshot = await mirror.refresh()
        commit = host.repo.commit({"a": "1"})
        host.repo.git("push", "-q", "origin", "HEAD:refs/pull/1/head")
        assert await mirror.resolve("refs/pull/1/head", snapshot) == Resolved(commit, "refs/pull/1/head")
        assert set((await mirror.refresh()).refs) == {"refs/heads/main"}
        with pytest.raises(FetchError, match=r"there is no ref 'refs/pull/2/head'"):
            await mirror.resolve("refs/pull/2/head", snapshot)


@pytest.mark.parametrize("wanted", ["f" * 40, "f" * 7])
async def test_a_commit_that_is_not_there_is_named(tmp_path: Path, wanted: str) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        snapshot = await mirror.refresh()
        with pytest.raises(FetchError, match=rf"/shop: there is no commit '{wanted}'"):
            await mirror.resolve(wanted, snapshot)


async def test_a_tree_knows_every_path_and_the_next_one_differs_where_the_push_did(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        before = await mirror.tree((await mirror.refresh()).head)
        assert set(before.under("")) == set(FILES)
        host.repo.push({"charts/web/values.yaml": "tag: v2\n", "README.md": None, "charts/api/Chart.yaml": "a"})
        commit = (await mirror.refresh()).head
        after = await mirror.tree(commit)
        listed = git(host.repo.bare, "ls-tree", "-r", "-t", commit).splitlines()
        assert {f"{line}\t{path}" for path, line in after.lines.items()} == set(listed)
        assert after.get("charts/web/templates") == before.get("charts/web/templates")
        assert after.get("charts/web") != before.get("charts/web")
        assert await mirror.tree(commit) is after


async def test_a_worker_that_has_not_fetched_yet_does_so_when_a_commit_is_asked_for(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        assert "README.md" in await mirror.tree(host.repo.head())


async def test_an_archive_holds_the_asked_paths_with_links_as_links(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        host.repo.symlink("charts/web/secret", "/etc/passwd")
        host.repo.write({"charts/web/run.sh": "#!/bin/sh\n", ".gitattributes": "run.sh export-ignore\n* export-subst"})
        (host.repo.work / "charts/web/run.sh").chmod(0o755)
        commit = host.repo.push({"charts/webshop/x": "not asked for", "charts/web/values.yaml": "$Format:%H$"})
        mirror = await host.mirror()
        packed = await mirror.archive(commit, ["charts/web", "README.md"])
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            members = {member.name: member for member in archive}
            link, script = members["charts/web/secret"], members["charts/web/run.sh"]
            values = archive.extractfile("charts/web/values.yaml")
            assert (link.issym(), link.linkname, script.mode) == (True, "/etc/passwd", 0o755)
            assert values is not None
            assert values.read() == b"$Format:%H$", "attributes of the repository change nothing"
        assert "charts/webshop/x" not in members
        assert "README.md" in members


async def test_an_archive_of_a_path_that_is_not_there_says_so(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        commit = (await mirror.refresh()).head
        with pytest.raises(FetchError, match=rf"/shop: there is no 'charts/gone' at revision {commit}"):
            await mirror.archive(commit, ["charts/gone"])


async def test_files_over_the_size_limit_are_refused_and_the_mirror_stays_usable(tmp_path: Path) -> None:
    async with hosted(tmp_path, settings={"git_max_read_mb": 1}) as host:
        commit = host.repo.push({"big": b"x" * 1_100_000})
        mirror = await host.mirror()
        with pytest.raises(FetchError, match=r"larger than 1 MB \(PILOTHOUSE_GIT_MAX_READ_MB\)"):
            await mirror.archive(commit, ["big"])
        assert await mirror.archive(commit, ["README.md"])


async def test_submodules_are_not_followed(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        evil = f"{host.server.url}/evil.git"
        host.repo.write({".gitmodules": f'[submodule "s"]\n\tpath = sub\n\turl = {evil}\n'})
        host.repo.git("add", ".gitmodules")
        host.repo.git("update-index", "--add", "--cacheinfo", f"160000,{host.repo.head()},sub")
        host.repo.git("commit", "-q", "-m", "Add a submodule")
        commit = host.repo.push()
        mirror = await host.mirror()
        tree = await mirror.tree(commit)
        entry = tree.get("sub")
        assert entry
        assert entry.type == "commit"
        with tarfile.open(fileobj=io.BytesIO(await mirror.archive(commit, [""]))) as archive:
            assert "sub" not in archive.getnames()
        assert not [request for request in host.requests if "evil" in request]


async def test_ancestry_is_answered_and_unknown_commits_are_none(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        first = host.repo.head()
        second = host.repo.push({"a": "1"})
        mirror = await host.mirror()
        await mirror.refresh()
        assert await mirror.is_ancestor(first, second)
        assert await mirror.is_ancestor(first, first)
        assert not await mirror.is_ancestor(second, first)
        assert not await mirror.is_ancestor("f" * 40, second)
        assert not await mirror.is_ancestor("--output=/tmp/x", second)


async def test_a_commits_author_time_and_subject_are_plain_and_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "")
    async with hosted(tmp_path) as host:
        commit = host.repo.push({"a": "1"}, "Bump \x1b[31mweb " + "x" * 300 + "\n\nThe body")
        mirror = await host.mirror()
        info = await mirror.commit_info(commit)
        assert info.author == "Ada <ada@example.org>"
        assert info.subject.startswith("Bump  [31mweb xxx")
        assert len(info.subject) < 250
        assert abs((datetime.now(UTC) - info.committed_at).total_seconds()) < 300


async def test_tidying_joins_the_packs_of_many_fetches_under_the_eyes_of_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_copy, "_MANY_PACKS", 3)
    async with hosted(tmp_path) as host:
        mirror = await host.mirror()
        commits = []
        for number in range(5):
            commits.append(host.repo.push({"a": str(number)}))
            await mirror.refresh()
            await mirror.tree(commits[-1])
        before = len(list(mirror.copy.folder.glob("objects/pack/*.pack")))
        await mirror.tidy()
        assert len(list(mirror.copy.folder.glob("objects/pack/*.pack"))) < before
        for number, commit in enumerate(commits):
            entry = (await mirror.tree(commit)).get("a")
            assert entry
            assert await mirror.blobs([entry.id]) == {entry.id: str(number).encode()}
