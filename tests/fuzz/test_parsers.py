"""The parsers under any bytes, a few hundred of each; `make fuzz` goes on for longer."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.delivery import HOSTS
from tests.fuzz.targets import TARGETS, judged, named, parsed, seeds, target

QUICK = settings(max_examples=100, deadline=None)
QUICKER = settings(max_examples=50, deadline=None)
TEXT = st.text(max_size=40)
LEAVES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=8
)
KEYS = (
    *(
        "ref",
        "after",
        "before",
        "repository",
        "project",
        "changes",
        "clone_url",
        "html_url",
        "push",
        "resource",
        "links",
    ),
    *("clone", "href", "html", "new", "old", "target", "hash", "name", "type", "remoteUrl", "refUpdates", "eventType"),
)
SHAPED: st.SearchStrategy[Any] = st.recursive(
    LEAVES | st.sampled_from(["https://h.example/a/b.git", "refs/heads/main", "a" * 40, "0" * 40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [host.event_header for host in HOSTS] + ["content-type", "content-encoding", "x-hub-signature-256"]
    ),
    st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"]), max_size=40),
    max_size=5,
)


def written(headers: dict[str, str], body: bytes) -> bytes:
    head = "\n".join(f"{name}: {value}" for name, value in headers.items())
    return head.encode() + b"\n\n" + body


@pytest.mark.parametrize("check", TARGETS, ids=lambda check: check.__name__)
def test_any_bytes(check: Callable[[bytes], None]) -> None:
    QUICK(given(st.binary(max_size=500))(check))()


@QUICK
@given(HEADERS, st.binary(max_size=300) | JSON.map(orjson.dumps))
def test_any_headers_and_body_are_judged(headers: dict[str, str], body: bytes) -> None:
    judged(written(headers, body))


@QUICKER
@given(HEADERS, SHAPED.map(orjson.dumps) | JSON.map(orjson.dumps))
def test_any_json_is_parsed_by_every_host(headers: dict[str, str], body: bytes) -> None:
    parsed(written({"x-github-event": "push"} | headers, body))


@QUICK
@given(
    st.text(max_size=120)
    | st.from_regex(
        r"(https?|ssh|git|oci|file)://([a-z@:]{0,8}@)?[a-z0-9.\[\]:-]{1,20}(/[^/]{0,10}){0,5}", fullmatch=True
    )
    | st.from_regex(r"([a-z]+@)?[a-z.]{1,12}:[^:]{1,30}", fullmatch=True)
)
def test_any_address_is_named_or_refused(url: str) -> None:
    named(url.encode("utf-8", "surrogatepass"))


def test_what_the_fuzzer_starts_from_is_sound() -> None:
    for seed in seeds():
        target(seed)
