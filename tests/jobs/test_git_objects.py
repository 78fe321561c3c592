"""The reading process: shared, interrupted, idle, out of date."""

import asyncio
from pathlib import Path

import pytest

from jobs import git_objects
from jobs.git import Git
from jobs.git_objects import Object, Objects, TooLarge, Unreadable
from jobs.settings import Settings
from tests.mirrors import git_processes, until
from tests.repos import Repo

LIMIT = 1_000_000


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path)
    repo.push({name: f"content of {name}\n" * 100 for name in "abcdef"} | {"big": "x" * 300_000, "empty": ""})
    return repo


def _objects(repo: Repo) -> Objects:
    return Objects(Git(Settings(git_timeout_s=20)), repo.bare)


async def test_objects_come_in_the_order_they_were_asked_for(repo: Repo) -> None:
    objects = _objects(repo)
    names = [repo.git("rev-parse", f"HEAD:{name}") for name in ("b", "empty", "a")]
    found = await objects.read([*names, "f" * 40, "HEAD^{commit}"], LIMIT)
    assert [item.content[:12] if item else None for item in found[:4]] == [b"content of b", b"", b"content of a", None]
    assert found[4]
    assert (found[4].id, found[4].type) == (repo.head(), "commit")
    await objects.close()


async def test_many_tasks_may_ask_at_once_and_each_gets_its_own(repo: Repo) -> None:
    objects = _objects(repo)
    names = {name: repo.git("rev-parse", f"HEAD:{name}") for name in "abcdef"}

    async def ask(name: str) -> None:
        (found,) = await objects.read([names[name]], LIMIT)
        assert found == Object(names[name], "blob", f"content of {name}\n".encode() * 100)

    await asyncio.gather(*(ask(name) for name in list(names) * 30))
    assert len(git_processes(str(repo.bare))) == 1
    await objects.close()
    assert git_processes(str(repo.bare)) == []


async def test_a_cancelled_question_does_not_answer_the_next_one(repo: Repo) -> None:
    objects = _objects(repo)
    big, small = repo.git("rev-parse", "HEAD:big"), repo.git("rev-parse", "HEAD:a")
    asking = asyncio.create_task(objects.read([big] * 50, 100_000_000))
    await until(lambda: objects.is_open)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    (found,) = await objects.read([small], LIMIT)
    assert found
    assert found.id == small
    await objects.close()


async def test_too_much_is_refused_before_it_is_read(repo: Repo) -> None:
    objects = _objects(repo)
    big, small = repo.git("rev-parse", "HEAD:big"), repo.git("rev-parse", "HEAD:a")
    with pytest.raises(TooLarge):
        await objects.read([small, big], LIMIT // 10)
    assert (await objects.read([small], LIMIT // 10))[0]
    await objects.close()


async def test_thousands_of_objects_in_one_question_do_not_block_the_pipe(repo: Repo) -> None:
    objects = _objects(repo)
    small = repo.git("rev-parse", "HEAD:a")
    found = await objects.read([small] * 5000, 100_000_000)
    assert len(found) == 5000
    await objects.close()


async def test_a_process_that_was_killed_is_replaced(repo: Repo) -> None:
    objects = _objects(repo)
    small = repo.git("rev-parse", "HEAD:a")
    await objects.read([small], LIMIT)
    assert objects._process
    objects._process.kill()
    assert (await objects.read([small], LIMIT))[0]
    await objects.close()


async def test_an_idle_process_ends_by_itself(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_objects, "IDLE_S", 0.05)
    objects = _objects(repo)
    small = repo.git("rev-parse", "HEAD:a")
    await objects.read([small], LIMIT)
    await until(lambda: not objects.is_open and not git_processes(str(repo.bare)))
    assert (await objects.read([small], LIMIT))[0]
    await objects.close()


async def test_where_there_is_no_mirror_there_is_nothing_to_read(tmp_path: Path) -> None:
    objects = Objects(Git(Settings()), tmp_path / "gone.git")
    with pytest.raises(Unreadable):
        await objects.read(["a" * 40], LIMIT)
    assert not objects.is_open
