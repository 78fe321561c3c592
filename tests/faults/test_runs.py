"""The proof itself: a log in which an application ran twice at once is not taken for a good one."""

import json

from tests.faults.proxy import Exchange, Tap
from tests.faults.runs import overlaps

OBJECT = r"/configmaps/(\w+)-"


def a_log(*entries: tuple[float, str, str, str]) -> Tap:
    """Entries: time, worker, what (claim, done, write, status), token."""
    tap = Tap()
    for at, worker, what, token in entries:
        tap.log.append(_exchange(at, worker, what, token))
    return tap


def _exchange(at: float, worker: str, what: str, token: str) -> Exchange:
    member = b"*7\r\n$16\r\napplication:t/a\r\n"
    made = {
        "claim": ("valkey", f"CLAIM 2000 {token}", b"", member),
        "done": ("valkey", f"DONE application:t/a {token}", b"", b":0\r\n"),
        "write": ("api", "PATCH /api/v1/namespaces/t/configmaps/a-one", b"{}", b"{}"),
        "status": ("api", "PATCH /apis/x/namespaces/t/applications/a?x", _status(token), b"{}"),
        "revision": ("api", "PATCH /apis/x/namespaces/t/applications/a?x", _write("/status/sync/revision"), b"{}"),
        "health": ("api", "PATCH /apis/x/namespaces/t/applications/a?x", _write("/status/health"), b"{}"),
    }
    service, label, body, answer = made[what]
    return Exchange(worker, service, label, body, at, at + 0.1, answer=answer)


def _status(token: str) -> bytes:
    path = "/metadata/annotations/pilothouse.dev~1run"
    old, new = (
        {"op": "test", "path": path, "value": "o.o.k"},
        {"op": "add", "path": path, "value": f"{token}.{token}.k"},
    )
    return json.dumps([old, new]).encode()


def _write(path: str) -> bytes:
    """A write beside the run annotation, which is only tested."""
    held = {"op": "test", "path": "/metadata/annotations/pilothouse.dev~1run", "value": "o.o.k"}
    return json.dumps([held, {"op": "add", "path": path, "value": "new"}]).encode()


def test_one_worker_after_the_other_is_no_overlap() -> None:
    log = a_log(
        *(
            (1, "first", "claim", "x"),
            (2, "first", "write", ""),
            (3, "first", "status", "x"),
            (4, "first", "done", "x"),
        ),
        *((5, "second", "claim", "y"), (6, "second", "write", ""), (7, "second", "done", "y")),
    )
    assert overlaps(log, OBJECT) == []


def test_a_claim_before_the_other_ended_is_one() -> None:
    log = a_log((1, "first", "claim", "x"), (2, "second", "claim", "y"), (3, "first", "write", ""))
    assert len(overlaps(log, OBJECT)) == 1


def test_a_write_without_a_claim_or_after_its_end_is_one() -> None:
    log = a_log((1, "first", "claim", "x"), (2, "first", "done", "x"), (3, "first", "write", ""))
    assert overlaps(log, OBJECT) == ["first wrote PATCH /api/v1/namespaces/t/configmaps/a-one without a claim"]
    assert len(overlaps(a_log((1, "first", "write", "")), OBJECT)) == 1


def test_a_status_written_by_another_workers_claim_is_one() -> None:
    log = a_log((1, "first", "claim", "x"), (2, "second", "status", "x"))
    assert len(overlaps(log, OBJECT)) == 1


def test_only_the_revision_is_written_without_a_claim() -> None:
    assert overlaps(a_log((1, "first", "revision", "")), OBJECT) == []
    said = "first wrote /status/health of a as '' without a claim"
    assert overlaps(a_log((1, "first", "health", "")), OBJECT) == [said]
