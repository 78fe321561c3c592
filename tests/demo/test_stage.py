import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import pytest
from redis.asyncio import Redis

from deploy.demo.git_server import NO_COMMIT, RefUpdate
from deploy.demo.processes import Child, ChildError
from deploy.demo.stage import Stage


async def test_a_push_is_delivered_and_marked_before_git_push_returns(stage: Stage) -> None:
    pushed = await stage.push("shop", {"a.yaml": "x: 1\n"})
    assert pushed.delivery is not None
    assert (pushed.delivery.status, pushed.delivery.update.after) == (202, pushed.revision)
    assert pushed.started_at < pushed.delivery.sent_at < pushed.ended_at
    assert pushed.known_at == pushed.delivery.sent_at


async def test_a_host_that_keeps_silent_sends_no_webhook(stage: Stage) -> None:
    stage.hook.enabled = False
    pushed = await stage.push("shop", {"a.yaml": "x: 1\n"})
    assert pushed.delivery is None
    assert pushed.known_at == pushed.ended_at


async def test_a_webhook_with_a_wrong_signature_is_refused(stage: Stage) -> None:
    update = RefUpdate("shop.git", "refs/heads/main", NO_COMMIT, "a" * 40)
    assert (await stage.hook.send(update, secret="guessed")).status == 401
    assert (await stage.hook.send(update)).status == 202


async def test_the_token_opens_the_api_and_not_the_api_server(stage: Stage) -> None:
    bearer = {"Authorization": f"Bearer {stage.token}"}
    async with aiohttp.ClientSession(headers=bearer) as session:
        async with session.get(f"{stage.receiver_url}/api/v1/applications") as answer:
            assert answer.status == 200
        async with session.get(f"{stage.cluster.access.server}/api/v1/namespaces") as answer:
            assert answer.status == 401


async def test_valkey_keeps_what_it_acknowledged_when_it_is_killed(stage: Stage) -> None:
    async with Redis.from_url(stage.valkey.url) as client:
        await client.set("a", "1")
    await stage.valkey.child.kill()
    await stage.valkey.start()
    async with Redis.from_url(stage.valkey.url) as client:
        assert await client.get("a") == b"1"


async def test_a_receiver_comes_back_on_the_same_address(stage: Stage) -> None:
    before = stage.receiver_url, stage.receiver.pid
    await stage.receiver.stop()
    assert (await stage.hook.send(RefUpdate("shop.git", "refs/heads/main", NO_COMMIT, "a" * 40))).status == 0
    await stage.start_receiver()
    assert (stage.receiver_url, stage.receiver.pid) != before
    assert stage.receiver_url == before[0]


async def test_nothing_runs_and_nothing_lies_about_after_the_end(kubeconfig: Path) -> None:
    async with Stage.up(kubeconfig=kubeconfig, workers=0) as stage:
        pids = [stage.receiver.pid, stage.valkey.child.pid]
        folders = [stage.folder, stage.valkey.folder]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not any(folder.exists() for folder in folders)


async def test_a_failure_on_stage_still_ends_every_process(kubeconfig: Path) -> None:
    seen: list[Stage] = []

    async def play() -> None:
        async with Stage.up(kubeconfig=kubeconfig, workers=0) as stage:
            seen.append(stage)
            raise RuntimeError("the play failed")

    with pytest.raises(RuntimeError, match="the play failed"):
        await play()
    assert not any(Path(f"/proc/{pid}").exists() for pid in (seen[0].receiver.pid, seen[0].valkey.child.pid))


async def test_a_wrong_setting_ends_the_start_with_the_process_own_words(kubeconfig: Path) -> None:
    settings = {"PILOTHOUSE_SWEEP_INTERVAL_S": "often"}
    with pytest.raises(ChildError, match="receiver ended with code 2") as caught:
        async with Stage.up(kubeconfig=kubeconfig, workers=0, settings=settings):
            pass
    assert "PILOTHOUSE_SWEEP_INTERVAL_S" in str(caught.value)


async def test_settings_of_another_pilothouse_do_not_leak_in(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOTHOUSE_SWEEP_INTERVAL_S", "often")
    async with Stage.up(kubeconfig=kubeconfig, workers=0) as stage:
        assert stage.receiver.alive


async def test_a_child_dies_with_the_one_that_started_it(tmp_path: Path) -> None:
    nested = (
        "import asyncio, os, pathlib, sys\n"
        "from deploy.demo.processes import Child\n"
        "async def main():\n"
        "    child = await Child.start('sleep', ['/bin/sleep', '60'], log=pathlib.Path(sys.argv[1]), env=os.environ)\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", nested, str(tmp_path / "sleep.log")]
    parent = await Child.start("parent", command, log=tmp_path / "parent.log", env=os.environ)
    try:
        async with asyncio.timeout(10):
            while not (said := (tmp_path / "parent.log").read_text().strip()):
                await asyncio.sleep(0.01)
        await parent.kill()
        async with asyncio.timeout(10):
            while _runs(int(said)):
                await asyncio.sleep(0.01)
    finally:
        await parent.stop(within_s=1)


def _runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
