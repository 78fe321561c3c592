"""Which addresses get a mirror, and which mirror."""

from pathlib import Path

import pytest

from jobs import fetch
from jobs.core.credentials import Credentials
from jobs.core.errors import FetchError, InvalidSpecError
from jobs.fetch import Mirrors
from jobs.settings import Settings
from tests.mirrors import hosted, mirrors_in
from tests.repos import Repo


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch {mark}'",
        "ext://sh -c touch",
        "fd::3",
        "--upload-pack=touch {mark}",
        "-oProxyCommand=touch {mark}",
        "ssh://-oProxyCommand=touch%20{mark}/x",
        "file://{root}",
        "{root}",
        "../host/shop.git",
        "git://host/shop",
        "http://host/shop",
        "https://host/a\nb",
        "https://host/../etc",
        "host/shop",
        "",
        "https://",
    ],
)
async def test_a_hostile_address_never_reaches_git(tmp_path: Path, url: str) -> None:
    mark = tmp_path / "mark"
    repo = Repo(tmp_path / "host")
    url = url.replace("{mark}", str(mark)).replace("{root}", str(repo.bare))
    mirrors = mirrors_in(tmp_path, git_protocols=("https", "ssh"))
    with pytest.raises(InvalidSpecError, match="repository address"):
        await mirrors.at(url)
    assert not mark.exists()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "url", ["https://host/shop", "ssh://git@host:2222/shop", "git@host:shop/charts.git", "host:shop"]
)
async def test_allowed_addresses_get_a_mirror_without_asking_the_host(tmp_path: Path, url: str) -> None:
    mirrors = mirrors_in(tmp_path, git_protocols=("https", "ssh"))
    assert (await mirrors.at(url)).copy.url == url


async def test_a_local_repository_is_read_where_file_is_allowed(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "host")
    commit = repo.push({"a": "1"})
    mirrors = mirrors_in(tmp_path, git_protocols=("file",))
    mirror = await mirrors.at(f"file://{repo.bare}")
    assert (await mirror.refresh()).head == commit
    await mirrors.close()


async def test_one_address_has_one_mirror_and_its_password_is_in_no_name(tmp_path: Path) -> None:
    mirrors = mirrors_in(tmp_path, git_protocols=("https",))
    mirror = await mirrors.at("https://bot:s3cret@host/shop")
    assert mirror is await mirrors.at("https://host/shop")
    assert mirror.copy.url == "https://host/shop"
    assert mirror.copy.folder.name.startswith("host-shop-")


async def test_addresses_of_one_name_do_not_share_what_was_fetched(tmp_path: Path) -> None:
    mirrors = mirrors_in(tmp_path)
    one, other = await mirrors.at("https://host/Shop"), await mirrors.at("https://host/shop.git")
    assert one.copy.name == other.copy.name == "host/shop"
    assert one.copy.folder != other.copy.folder


async def test_what_a_project_fetched_with_its_own_credentials_is_not_for_others(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "host")
    commit = repo.push({"a": "1"})

    async def for_web(_: str, project: str) -> Credentials:
        return Credentials(password="right", project="web") if project == "web" else Credentials()

    async with hosted(tmp_path, repo=repo, token="right") as host:
        settings = Settings(data_dir=tmp_path / "data", git_protocols=("http",), git_timeout_s=20)
        mirrors = Mirrors(settings, for_web)
        web = await mirrors.at(host.url, project="web")
        assert "a" in await web.tree(commit)
        other = await mirrors.at(host.url, project="other")
        with pytest.raises(FetchError, match="add a repository Secret"):
            await other.tree(commit)
        await mirrors.close()


async def test_new_credentials_are_used_by_the_next_fetch(tmp_path: Path) -> None:
    held = [Credentials(password="old")]

    async def current(_url: str, _project: str) -> Credentials:
        return held[0]

    async with hosted(tmp_path, token="new") as host:
        mirrors = Mirrors(Settings(data_dir=tmp_path / "data", git_protocols=("http",), git_timeout_s=20), current)
        with pytest.raises(FetchError, match="repository Secret"):
            await (await mirrors.at(host.url)).refresh()
        held[0] = Credentials(password="new")
        assert (await (await mirrors.at(host.url)).refresh()).head
        await mirrors.close()


async def test_only_so_many_mirrors_keep_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_READERS", 1)
    repos = [Repo(tmp_path / "host", name) for name in ("one", "two")]
    commits = [repo.push({"a": "1"}) for repo in repos]
    async with hosted(tmp_path, repo=repos[0]) as host:
        urls = [f"{host.server.url}/{repo.name}.git" for repo in repos]
        mirrors = [await host.mirrors.at(url) for url in urls]
        for mirror, commit in zip(mirrors, commits, strict=True):
            await mirror.tree(commit)
        await host.mirrors.at(urls[1])
        assert [mirror.copy.objects.is_open for mirror in mirrors] == [False, True]


async def test_private_files_of_a_killed_worker_are_deleted_at_the_start(tmp_path: Path) -> None:
    import os

    place = tmp_path / "data/git/private/left"
    place.mkdir(parents=True)
    (place / "key").write_text("KEY")
    mirrors = mirrors_in(tmp_path)
    await mirrors.start()
    assert place.exists(), "it may be in use"
    os.utime(place, (0, 0))
    await mirrors.start()
    assert not place.exists()
