"""A planted secret never leaves the worker unmasked: status, Events, logs, metrics, answers (design.md, part 4)."""

import base64
import json

import pytest
from prometheus_client import generate_latest

from jobs.core.question import Question
from tests.e2e.harness import Flow
from tests.e2e.objects import docs, text

PLANTED = "xyzzy-planted-secret"
SHAPES = (PLANTED, base64.b64encode(PLANTED.encode()).decode()[:20])


def a_secret(value: str = PLANTED, **rest: object) -> str:
    last_applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"stringData": {"password": value}})}
    return text("v1", "Secret", "web", {"stringData": {"password": value}, **rest}, annotations=last_applied)


async def everything_told(flow: Flow) -> str:
    """All that somebody without access to Secrets could read."""
    return f"{await flow.app()}{await flow.events()}{generate_latest().decode()}"


async def inspected(flow: Flow) -> str:
    """The worker's answers to all that the API can ask."""
    return json.dumps([await flow.ask(question) for question in Question])


async def test_a_secret_that_is_deployed_changed_and_healed_is_told_nowhere(
    flow: Flow, capsys: pytest.CaptureFixture[str]
) -> None:
    flow.repo.push({"app/web.yaml": a_secret()})
    await flow.deploy()
    await flow.patch("Secret", "web", {"stringData": {"password": f"{PLANTED}-by-hand"}})
    answer = await inspected(flow)
    await flow.sweep()
    await flow.push({"app/web.yaml": a_secret(f"{PLANTED}-2")})
    await flow.settle()
    assert (await flow.words())[0] == "Synced"
    said = capsys.readouterr()
    for shape in SHAPES:
        for told in (answer, await everything_told(flow), said.out, said.err):
            assert shape not in told


async def test_managed_resources_shows_that_a_secret_differs_without_its_values(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": a_secret()})
    await flow.deploy(syncPolicy={})
    await flow.operation()
    await flow.patch("Secret", "web", {"stringData": {"password": "another"}})
    item = (await flow.ask("managed-resources"))["items"][0]
    assert item["differences"] == [".data.password"]
    live, wanted = (json.loads(item[side])["data"]["password"] for side in ("liveState", "targetState"))
    assert set(live) == set(wanted) == {"+"}
    assert live != wanted


@pytest.mark.parametrize(
    "broken",
    [
        a_secret(nonsense=PLANTED),
        docs(a_secret(), a_secret(immutable=PLANTED)),
        a_secret().replace("kind: Secret", "kind: Secret\n  bad indent"),
        text("v1", "Secret", "web", {"data": {"password": PLANTED}}),
        text("v1", "Secret", "web", {"data": PLANTED}),
        text("v1", "Secret", "web", {"stringData": {"password": {"deep": PLANTED}}}),
    ],
    ids=["unknown field", "wrong type", "broken YAML", "not base64", "no map", "nested"],
)
async def test_a_secret_that_is_refused_is_told_without_its_value(
    flow: Flow, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flow.repo.push({"app/web.yaml": broken})
    await flow.deploy()
    assert await flow.said() != ""
    said = capsys.readouterr()
    for shape in SHAPES:
        for told in (await everything_told(flow), said.out, said.err):
            assert shape not in told, told


async def test_an_inspection_of_nothing_is_answered_with_an_error(flow: Flow) -> None:
    assert "there is nothing to say" in (await flow.ask("managed-resources", "nobody"))["error"]
    flow.repo.push({"app/web.yaml": a_secret()})
    await flow.deploy()
    assert "there is nothing to say" in (await flow.ask("passwords"))["error"]
