import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from jobs.core.repository import Repository
from jobs.enqueue import Queue, QueueDown
from receiver import bodies
from receiver.push import UNKNOWN, Change, Delivery, Push
from receiver.webhook import marks_of
from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Client, Start
from tests.receiver.recorded import (
    CASES,
    DELETED,
    IGNORED,
    MAIN,
    OF_HOOKS,
    PINGS,
    PUSHES,
    SECRET,
    TAG,
    changed,
    names_of,
    recorded,
    send,
    sent_at,
    signed,
)
from tests.valkey import Valkey, until

AFTER = "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"


async def metric(client: Client, line: str) -> float:
    """One value out of /metrics; 0 if it is not there yet."""
    async with client.get("/metrics") as response:
        found = [each for each in (await response.text()).splitlines() if each.startswith(line + " ")]
    return float(found[0].rsplit(" ", 1)[1]) if found else 0.0


NEXT = replace(MAIN, ref="refs/heads/next")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [((MAIN, TAG), MAIN), ((MAIN, DELETED), MAIN), ((MAIN, NEXT, TAG), NEXT), ((TAG, DELETED), DELETED),
     ((DELETED, TAG), TAG), ((UNKNOWN,), UNKNOWN)],
)  # fmt: skip
def test_the_hint_of_a_mark_is_the_last_branch_that_moved(changes: tuple[Change, ...], expected: Change) -> None:
    (mark,) = marks_of(Push(("x",), changes), [Repository("h.example/x")], "", 1)
    given = {"ref": expected.ref, "after": expected.after, "received_at_ms": "1"}
    assert mark.hints == {name: value for name, value in given.items() if value}


OVER_HTTP = sorted({case for case in CASES if case.split("/")[1] not in PUSHES.keys() - {"push"}} - IGNORED - OF_HOOKS)
"""One push of each host, and whatever is special; test_recorded.py has the rest without HTTP."""


@pytest.mark.parametrize("case", OVER_HTTP)
async def test_a_push_marks_its_repository_before_202(case: str, client: Client, queue: Queue) -> None:
    status, answer = await send(client, sent_at(recorded(case), time.time()))
    assert (status, answer["outcome"], answer["repositories"]) == (202, "marked", names_of(case))
    for name in names_of(case):
        assert await queue.dirty("repository", name)


async def test_the_mark_carries_hints_of_the_push(client: Client, queue: Queue) -> None:
    await send(client, recorded("github/push"))
    claim = await queue.claim()
    assert claim
    assert (claim.kind, claim.why, claim.background) == ("repository", "push", False)
    assert (claim.hints["after"], claim.hints["ref"]) == (AFTER, "refs/heads/main")
    assert claim.hints["delivery"] == recorded("github/push").header("x-github-delivery")
    assert int(claim.hints["received_at_ms"]) > 1_700_000_000_000


@pytest.mark.parametrize("case", sorted(IGNORED))
async def test_what_is_no_push_is_answered_200_and_marks_nothing(case: str, client: Client, queue: Queue) -> None:
    status, answer = await send(client, recorded(case))
    assert status == 200
    outcome, host = "ping" if case in PINGS else "ignored", case.split("/")[0]
    assert (answer["outcome"], bool(answer["detail"])) == (outcome, True)
    assert await queue.claim() is None
    assert await metric(client, f'pilothouse_deliveries_total{{host="{host}",outcome="{outcome}"}}') == 1


async def test_a_ping_is_answered_with_a_word(client: Client) -> None:
    assert (await send(client, recorded("github/ping")))[1]["detail"] == "pong"


def refusals() -> dict[str, tuple[Delivery, int]]:
    push, label = recorded("github/push"), recorded("gitlab/push")
    return {
        "wrong signature": (changed(push, x_hub_signature_256="sha256=" + "0" * 64), 401),
        "body of another": (changed(push, body=push.body + b" "), 401),
        "no signature": (changed(push, x_hub_signature=None, x_hub_signature_256=None), 401),
        "sha-1 alone": (changed(push, x_hub_signature_256=None), 401),
        "signature not ascii": (changed(push, x_hub_signature_256="sha256=\u00e4\u00f6"), 401),
        "wrong token": (changed(label, x_gitlab_token="nope"), 401),
        "no token": (changed(label, x_gitlab_token=None), 401),
        "no event header": (changed(push, x_github_event=None), 400),
        "empty event header": (changed(push, x_github_event=""), 400),
        "unknown host": (Delivery({"x-other-event": "push"}, b"{}"), 400),
        "old signature": (recorded("generic/push"), 401),
        "no login": (changed(recorded("azure_devops/push"), authorization=None), 401),
        "wrong login": (changed(recorded("azure_devops/push"), authorization="Basic cGlsb3Rob3VzZTp4"), 401),
        "unsigned ping": (changed(recorded("bitbucket_server/ping"), x_hub_signature=None), 401),
        "sha-1 at bitbucket": (changed(recorded("bitbucket_server/push"), x_hub_signature="sha1=" + "0" * 40), 401),
        "not json": (signed(push, b"hello"), 400),
        "deep json": (signed(push, b"[" * 200_000), 400),
        "wrong charset": (signed(changed(push, content_type="application/json; charset=utf-16"), b"{}"), 400),
        "json in utf-16": (signed(push, '{"ref": "x"}'.encode("utf-16")), 400),
        "not an object": (signed(push, b"[1]"), 400),
        "no repository": (signed(push, b'{"ref": "refs/heads/main"}'), 400),
        "form without payload": (signed(recorded("github/push-form"), b"a=b"), 400),
    }


@pytest.mark.parametrize("name", refusals())
async def test_a_bad_delivery_is_refused_with_one_sentence_counted_and_not_queued(
    name: str, client: Client, queue: Queue, logged: list[Any]
) -> None:
    delivery, expected = refusals()[name]
    status, answer = await send(client, delivery)
    assert (status, answer["status"]) == (expected, expected)
    assert answer["detail"].count("\n") == 0
    assert await queue.claim() is None
    (line,) = [line for line in logged if line["event"] == "delivery refused"]
    assert (
        await metric(client, f'pilothouse_deliveries_total{{host="{line["host"]}",outcome="{line["outcome"]}"}}') == 1
    )


async def test_get_is_not_allowed(client: Client) -> None:
    async with client.get("/api/webhook") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"


async def test_too_large_a_body_is_refused_announced_or_not(start: Start, valkey: Valkey, queue: Queue) -> None:
    client = await start(valkey, max_body_bytes=10_000)
    push = recorded("github/push")
    assert (await send(client, signed(push, b" " * 10_001)))[0] == 413
    assert (await send(client, signed(push, push.body + b" " * (10_000 - len(push.body)))))[0] == 202

    async def dripping() -> Any:
        for _ in range(20):
            yield b" " * 1_000

    headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": "sha256=" + "0" * 64}
    async with client.post("/api/webhook", data=dripping(), headers=headers) as response:
        assert response.status == 413


async def test_a_body_that_does_not_come_ends_with_408(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies.read_body, "__kwdefaults__", {"timeout_s": 0.05})
    assert client.host
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"POST /api/webhook HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: push\r\nContent-Length: 10\r\n\r\nabc")
    assert b"408" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_large_push_is_taken_like_any_other(client: Client, queue: Queue) -> None:
    push = recorded("github/push")
    body = push.body[:-1] + b',"more":"' + b"x" * 3_000_000 + b'"}'
    assert (await send(client, signed(push, body)))[0] == 202


async def test_a_repeated_delivery_is_counted_and_still_marks(client: Client, queue: Queue) -> None:
    assert (await send(client, recorded("github/push")))[0] == 202
    claim = await queue.claim()
    assert claim
    await queue.done(claim)
    assert (await send(client, recorded("github/push")))[0] == 202
    assert await queue.dirty("repository", "github.com/acme/deploy")
    assert await metric(client, 'pilothouse_deliveries_repeated_total{host="github"}') == 1


async def test_unsigned_deliveries_are_taken_only_if_allowed_and_no_secret_is_there(
    start: Start, valkey: Valkey, api: ApiServer
) -> None:
    bare = changed(recorded("github/push"), x_hub_signature=None, x_hub_signature_256=None)
    api.secrets.clear()
    assert (await send(await start(valkey), bare))[0] == 401
    assert (await send(await start(valkey, allow_unsigned_webhooks=True), bare))[0] == 202
    assert (await send(await start(valkey, allow_unsigned_webhooks=True, webhook_github_secret="x"), bare))[0] == 401


async def test_a_gitlab_token_without_a_configured_secret_is_refused(
    start: Start, valkey: Valkey, api: ApiServer
) -> None:
    api.secrets.clear()
    client = await start(valkey, allow_unsigned_webhooks=True)
    assert (await send(client, recorded("gitlab/push")))[0] == 401


async def test_valkey_away_means_503_and_the_push_is_marked_when_it_is_back(start: Start, own_valkey: Valkey) -> None:
    client = await start(own_valkey)
    own_valkey.kill()
    loop = asyncio.get_running_loop()
    began = loop.time()
    headers = {**recorded("github/push").headers}
    headers.pop("host")
    async with client.post("/api/webhook", data=recorded("github/push").body, headers=headers) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
    assert loop.time() - began < 3
    assert await metric(client, "pilothouse_remembered_marks") == 1
    own_valkey.start()
    queue = Queue(own_valkey.url)
    try:
        await until(lambda: _dirty(queue))
    finally:
        await queue.close()

    async def nothing_is_remembered() -> bool:
        return await metric(client, "pilothouse_remembered_marks") == 0  # a moment after the mark is written

    await until(nothing_is_remembered)


async def test_a_hanging_valkey_is_answered_within_three_seconds(start: Start, own_valkey: Valkey) -> None:
    client = await start(own_valkey)
    assert (await send(client, recorded("github/push")))[0] == 202
    own_valkey.freeze()
    async with asyncio.timeout(3):
        assert (await send(client, recorded("gitlab/push")))[0] == 503
    own_valkey.thaw()
    queue = Queue(own_valkey.url)
    await until(lambda: _dirty(queue, "gitlab.example.com/platform/tools/deploy"))
    await queue.close()


async def _dirty(queue: Queue, name: str = "github.com/acme/deploy") -> bool:
    try:
        return await queue.dirty("repository", name)
    except QueueDown:
        return False


async def test_secrets_are_read_again_without_a_restart_and_a_failure_keeps_the_old(
    start: Start, valkey: Valkey, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.secret_reader.EVERY_S", 0.01)
    client = await start(valkey)
    api.away = True
    seen = len(api.asked)
    await until(lambda: len(api.asked) > seen + 4)
    assert (await send(client, recorded("github/push")))[0] == 202
    api.away = False
    api.secrets["pilothouse-secret"]["webhook.github.secret"] = "another"
    await until(lambda: _status(client, recorded("github/push"), 401))
    assert await _status(client, signed(recorded("github/push"), recorded("github/push").body, b"another"), 202)


async def _status(client: Client, delivery: Delivery, wanted: int) -> bool:
    return (await send(client, delivery))[0] == wanted


async def test_before_the_secrets_could_be_read_a_host_is_told_to_come_back(
    start: Start, valkey: Valkey, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.secret_reader.TIMEOUT_S", 0.2)
    api.away = True
    client = await start(valkey, webhook_gitlab_secret=SECRET.decode())
    assert (await send(client, recorded("github/push")))[0] == 503
    assert (await send(client, recorded("gitlab/push")))[0] == 202


async def test_no_secret_token_or_body_reaches_logs_metrics_or_answers(
    start: Start, valkey: Valkey, api: ApiServer, logged: list[Any]
) -> None:
    api.secrets["pilothouse-secret"]["webhook.github.secret"] = "planted-one"
    client = await start(valkey, webhook_gitlab_secret="planted-two")
    body = json.dumps({"planted": "planted-three", "repository": {"clone_url": "https://u:planted-four@h.example/a/b"}})
    answers = [
        await send(client, signed(recorded("github/push"), body.encode(), b"planted-one")),
        await send(client, signed(recorded("github/push"), b"planted-five", b"planted-one")),
        await send(client, changed(recorded("github/push"), x_hub_signature_256="planted-six")),
        await send(client, changed(recorded("gitlab/push"), x_gitlab_token="planted-seven")),
        await send(client, changed(recorded("gitlab/push"), x_gitlab_token="planted-two")),
    ]
    assert [status for status, _ in answers] == [202, 400, 401, 401, 202]
    async with client.get("/metrics") as response:
        everything = repr(answers) + repr(logged) + await response.text()
    assert "h.example/a/b" in everything
    assert "planted" not in everything


async def test_one_line_is_logged_for_each_delivery(client: Client, logged: list[Any]) -> None:
    await send(client, recorded("github/push"))
    (line,) = [line for line in logged if "delivery" in line]
    assert line["event"] == "delivery marked"
    assert (line["host"], line["outcome"], line["repositories"]) == ("github", "marked", ["github.com/acme/deploy"])
    assert (line["ref"], line["after"], line["repeated"]) == ("refs/heads/main", AFTER, False)
    assert line["delivery"] == recorded("github/push").header("x-github-delivery")
