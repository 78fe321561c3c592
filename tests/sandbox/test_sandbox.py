"""What only the sandbox can do: forget its past, let others in, start as a program."""

import asyncio
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.sandbox import Config, Sandbox, User
from deploy.sandbox.state import Token
from tests.contract.api import APPS, CORE, Api
from tests.contract.manifests import config_map, workload
from tests.sandbox.conftest import client

MAPS = "/api/v1/namespaces/default/configmaps"


async def revision(api: Api) -> str:
    return str((await api.get(MAPS))["metadata"]["resourceVersion"])


async def test_a_watch_from_a_forgotten_revision_is_told_410(sandbox: Sandbox, api: Api) -> None:
    old = await revision(api)
    await api.create(MAPS, config_map())
    sandbox.forget_history()
    (event,) = [event async for event in api.watch(MAPS, resourceVersion=old)]
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


async def test_a_list_from_a_forgotten_revision_is_410(sandbox: Sandbox, api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    await api.create(MAPS, config_map("b"))
    page = await api.get(MAPS, limit="1")
    await api.create(MAPS, config_map("c"))
    sandbox.forget_history()
    answer = await api("GET", MAPS, headers=None, **{"continue": page["metadata"]["continue"]})
    assert (answer.status, answer.body["reason"]) == (410, "Expired")


async def test_the_window_is_bounded() -> None:
    async with Sandbox.serve(config=Config(window=5)) as sandbox, client(sandbox) as api:
        old = await revision(api)
        for number in range(6):
            await api.create(MAPS, config_map(f"c{number}"))
        (event,) = [event async for event in api.watch(MAPS, resourceVersion=old)]
        assert event["object"]["code"] == 410


async def test_an_idle_watch_gets_bookmarks(api: Api) -> None:
    old = await revision(api)
    await api.create("/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
    (event,) = await api.events(MAPS, 1, resourceVersion=old, allowWatchBookmarks="true", labelSelector="none")
    assert event["type"] == "BOOKMARK"
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(old)


async def test_a_watcher_that_leaves_is_forgotten(sandbox: Sandbox, api: Api) -> None:
    subscriptions = sandbox.state.store.listening
    waiting = asyncio.create_task(api.events(MAPS, 1, resourceVersion=await revision(api), labelSelector="none"))
    await _until(lambda: subscriptions("/configmaps") == 1)
    waiting.cancel()
    await _until(lambda: subscriptions("/configmaps") == 0)


async def _until(met: Any) -> None:
    deadline = time.monotonic() + 5
    while not met():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_token_can_be_given_to_anybody(sandbox: Sandbox, api: Api) -> None:
    sandbox.add_token("secret-of-alice", User("alice", groups=("devs",)))
    alice = api.with_token("secret-of-alice")
    assert (await alice("GET", MAPS)).status == 403
    binding = {
        "metadata": {"name": "devs"},
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": "devs"}],
    }
    await api.create("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", binding)
    assert (await alice("GET", MAPS)).status == 200
    assert (await alice("POST", MAPS, config_map())).status == 403
    assert (await alice("GET", "/api/v1/configmaps")).status == 403, "a RoleBinding reaches no further"


async def test_a_token_dies_with_its_time_and_its_account(sandbox: Sandbox, api: Api) -> None:
    sandbox.state.tokens["old"] = Token(User("x"), expires_at=1.0)
    assert (await api.with_token("old")("GET", "/version")).status == 401
    account = "/api/v1/namespaces/default/serviceaccounts"
    await api.create(account, {"metadata": {"name": "bot"}})
    token = (await api.create(f"{account}/bot/token", {"spec": {}}))["status"]["token"]
    assert (await api.with_token(token)("GET", "/version")).status == 200
    await api("DELETE", f"{account}/bot")
    assert (await api.with_token(token)("GET", "/version")).status == 401


async def test_an_aggregated_role_has_the_rules_of_those_it_selects(sandbox: Sandbox, api: Api) -> None:
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    selector = {"clusterRoleSelectors": [{"matchLabels": {"to": "all"}}]}
    await api.create(roles, {"metadata": {"name": "all"}, "aggregationRule": selector})
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}
    await api.create(roles, {"metadata": {"name": "part", "labels": {"to": "all"}}, "rules": [rule]})
    binding = {
        "metadata": {"name": "all"},
        "roleRef": {"kind": "ClusterRole", "name": "all"},
        "subjects": [{"kind": "User", "name": "alice"}],
    }
    await api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    sandbox.add_token("t", User("alice"))
    assert (await api.with_token("t")("GET", MAPS)).status == 200


async def test_two_sandboxes_know_nothing_of_each_other(api: Api) -> None:
    async with Sandbox.serve() as other, client(other) as there:
        await api.create(MAPS, config_map())
        assert (await there("GET", f"{MAPS}/a")).status == 404
        async with client(other, "wrong") as stranger:
            assert (await stranger("GET", MAPS)).status == 401


async def test_a_broken_image_fails_within_the_bound(sandbox: Sandbox) -> None:
    async with Sandbox.serve(config=Config(rollout_s=0.01, progress_deadline_s=0.1)) as quick, client(quick) as api:
        path = api.path(APPS, "deployments", "web")
        await api.create(api.path(APPS, "deployments"), workload(image="web:broken"))

        def late(answer: Any) -> bool:
            conditions = answer.body["status"].get("conditions") or []
            return any(item["reason"] == "ProgressDeadlineExceeded" for item in conditions)

        await api.until(path, late)


async def test_a_pod_can_be_kept_from_becoming_ready(api: Api) -> None:
    annotations = {"test.pilothouse.dev/never-ready": "true"}
    spec = {"containers": [{"name": "c", "image": "i:1"}]}
    await api.create(api.path(CORE, "pods"), {"metadata": {"name": "p", "annotations": annotations}, "spec": spec})
    pod = await api.until(api.path(CORE, "pods", "p"), lambda a: bool(a.body["status"].get("containerStatuses")))
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"


async def test_a_kubeconfig_is_for_its_owner_only(sandbox: Sandbox, tmp_path: Path) -> None:
    path = sandbox.kubeconfig(tmp_path / "kubeconfig")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = yaml.safe_load(path.read_text())
    assert content["clusters"][0]["cluster"] == {"server": sandbox.url}
    assert content["users"][0]["user"] == {"token": sandbox.admin_token}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_starts_as_a_program_and_ends_when_told(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "kubeconfig"
    argv = [sys.executable, "-m", "deploy.sandbox", "--port", "0", "--kubeconfig", str(path)]
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        server = yaml.safe_load(path.read_text())["clusters"][0]["cluster"]["server"]
        assert line == f"Kubernetes API in memory at {server}\n"
        process.send_signal(number)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
