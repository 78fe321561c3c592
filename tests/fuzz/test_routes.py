"""Any bytes on any route: never an answer of 500 or more, never an exception that nobody caught."""

import gzip
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.hook import signature
from receiver import __main__ as main
from receiver.bodies import read_body
from tests.fuzz.served import QUICK_S, TOKEN, Served, receiver
from tests.receiver.recorded import SECRET
from tests.valkey import Valkey

QUICK = settings(max_examples=80, deadline=None)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
WITHOUT_WORKER = ("/api/v1/applications", "/api/v1/applications/{name}", "/api/v1/applications/{name}/sync")
"""Routes that a reader's token opens without a worker to answer: for the others no answer is 504."""
BYTES = st.binary(max_size=300)
LINE = st.binary(max_size=60).map(lambda text: text.replace(b"\r", b"").replace(b"\n", b""))
NAMES = st.sampled_from(
    b"Authorization Content-Type Content-Encoding Content-Length Transfer-Encoding Accept If-Match Cookie Origin Range"
    b" X-GitHub-Event X-Gitlab-Event X-Gitea-Event X-Gitlab-Token X-Hub-Signature-256 X-Forwarded-For Last-Event-ID"
    b" Expect Upgrade Connection X-Gogs-Event X-Event-Key X-Hook-UUID X-Vss-ActivityId Webhook-Signature Webhook-Id"
    b" Webhook-Timestamp X-Hub-Signature X-Pilothouse-Event".split()
)
VALUES = LINE | st.sampled_from(b"push chunked gzip 5 -1 application/json 100-continue close \xff".split())
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
QUERY = st.lists(
    st.tuples(
        st.sampled_from(
            ["limit", "continue", "selector", "project", "namespace", "refresh", "wait", "appNamespace", "x"]
        ),
        st.text(st.characters(max_codepoint=0x2FF), max_size=12),
    ),
    max_size=4,
)
ODD = (b"{}", b"[]", b"null", b'{"prune": 1}', b'{"resources": [{}]}', b'{"revision": "\\ud800"}', b"[" * 300)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    valkey = Valkey().start()
    patch = pytest.MonkeyPatch()
    patch.setattr(main, "KEEPALIVE_S", QUICK_S)
    patch.setattr(read_body, "__kwdefaults__", {"timeout_s": QUICK_S})
    with receiver(valkey, tmp_path_factory.mktemp("served")) as made:
        yield made
    patch.undo()
    valkey.remove()


@pytest.fixture(autouse=True)
def nothing_is_wrong_afterwards(served: Served) -> Iterator[None]:
    yield
    assert served.wrongs == []
    assert served.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == 200


def a_request(method: str, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    if not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in headers):
        head += b"Content-Length: %d\r\n" % len(body)
    return method.encode() + b" " + path + b" HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n" + body


def path_of(pattern: str, name: str, query: list[tuple[str, str]]) -> bytes:
    """The pattern with a name in it, and a query of any characters, partly escaped."""
    path = pattern.replace("{name}", name)
    if query:
        path += "?" + "&".join(f"{key}={value}" for key, value in query)
    return path.encode("utf-8", "replace").replace(b" ", b"%20")


@QUICK
@given(data=BYTES)
def test_bytes_that_are_no_http(served: Served, data: bytes) -> None:
    assert served.ask(data + b"\r\n\r\n") < 500


@QUICK
@given(data=st.data())
def test_any_request_without_a_good_token(served: Served, data: st.DataObject) -> None:
    _, pattern = data.draw(st.sampled_from(served.routes))
    method = data.draw(st.sampled_from(METHODS))
    path = path_of(pattern, data.draw(st.text(max_size=20)), data.draw(QUERY))
    body = data.draw(BYTES | BYTES.map(gzip.compress))
    status = served.ask(a_request(method, path, data.draw(HEADERS), body))
    assert status < 500, (status, method, path)


@QUICK
@given(data=st.data())
def test_any_request_with_a_good_token(served: Served, data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(WITHOUT_WORKER))
    method = data.draw(st.sampled_from(["GET", "POST"]))
    path = path_of(pattern, data.draw(st.sampled_from(["shop", "nobody"]) | st.text(max_size=20)), data.draw(QUERY))
    token = (b"Authorization", b"Bearer " + TOKEN.encode())
    body = data.draw(BYTES | st.sampled_from(ODD))
    status = served.ask(a_request(method, path, [token, *data.draw(HEADERS)], body))
    assert status < 500, (status, method, path, body)


@QUICK
@given(body=BYTES, headers=HEADERS)
def test_any_delivery_that_is_signed(served: Served, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    signed = (b"X-Hub-Signature-256", signature(body, SECRET.decode()).encode())
    status = served.ask(a_request("POST", b"/api/webhook", [(b"X-GitHub-Event", b"push"), signed, *headers], body))
    assert status < 500
