import base64
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from receiver import asked
from receiver.asked import Page, Synced, query_of
from receiver.errors import BadRequest, Missing

SERVED = ("pilothouse", "team")


def query(written: str, shape: Any = Page) -> Any:
    return query_of(MultiDict(parse_qsl(written, keep_blank_values=True)), shape)


def test_a_page_has_a_hundred_of_everything() -> None:
    page = query("")
    assert (page.limit, page.continue_, page.projects, page.selector, page.health) == (100, "", [], "", [])


def test_all_filters_of_a_page_are_read_and_those_that_are_lists_may_be_repeated() -> None:
    page = query("limit=7&projects=a&projects=b&health=Degraded&health=Missing&sync=OutOfSync&repo=x&fields=a.b,c")
    assert (page.limit, page.projects, page.health, page.sync) == (
        7,
        ["a", "b"],
        ["Degraded", "Missing"],
        ["OutOfSync"],
    )
    assert asked.wanted_fields(page.fields) == (("a", "b"), ("c",))
    assert asked.wanted_fields(query("").fields) == ()


def test_a_page_goes_on_where_the_last_one_ended() -> None:
    assert asked.position_of(asked.continue_at("team", "abc"), SERVED) == ("team", "abc")
    assert asked.position_of("", SERVED) == ("", "")


@pytest.mark.parametrize(
    "written",
    [
        *("limit=0", "limit=501", "limit=-1", "limit=x", "limit=\u0663", f"limit={'9' * 5_000}", "limit="),
        *("limit=5&limit=5", "health=Well", "sync=", "fields=a..b", "fields=", "selector=a in (", "selector=!!"),
        *("unknown=1", "project=a"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused_and_named(written: str) -> None:
    with pytest.raises(BadRequest) as caught:
        query(written)
    name = written.partition("=")[0]
    assert [error.field for error in caught.value.errors] == [name]
    assert caught.value.detail.startswith(f"{name}: ")


def test_a_route_without_parameters_says_so() -> None:
    with pytest.raises(BadRequest, match="takes none"):
        query("x=1", asked.Query)


@pytest.mark.parametrize(
    "written", ["x", "[]", "é", base64.urlsafe_b64encode(b'["kube-system","1"]').decode(), "====", "W10="]
)
def test_a_continue_token_that_is_not_ours_is_refused(written: str) -> None:
    with pytest.raises(BadRequest, match="continue"):
        asked.position_of(written, SERVED)


def test_a_namespace_that_is_not_served_is_missing() -> None:
    with pytest.raises(Missing):
        asked.namespace_of("kube-system", SERVED)
    assert asked.namespace_of("", SERVED) == "pilothouse"


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a%2fb", "-a", "a?b", "a" * 254, "a\n"])
def test_what_cannot_be_an_objects_name_is_missing(name: str) -> None:
    with pytest.raises(Missing):
        asked.name_of(name)


@pytest.mark.parametrize(
    ("written", "seconds"), [("", 0), ("wait=30s", 30), ("wait=1m", 60), ("wait=500ms", 0.5), ("wait=2", 2)]
)
def test_times_are_read_with_their_unit(written: str, seconds: float) -> None:
    assert query(written, Synced).wait_s == seconds


@pytest.mark.parametrize("written", ["forever", "1h", "301s", "-1s", "6m", "nan", "1e3", "1.5s", ""])
def test_a_time_that_is_none_or_too_long_is_refused(written: str) -> None:
    with pytest.raises(BadRequest, match="wait"):
        query(f"wait={written}", Synced)


def test_an_empty_body_asks_for_a_plain_sync() -> None:
    assert asked.sync_of(b"") == asked.sync_of(b" {} ") == {}


def test_all_fields_of_a_sync_are_read() -> None:
    body = (
        b'{"revision": "v1", "prune": true, "dryRun": null, "resources": [{"group": "", "kind": "Pod", "name": "x"}]}'
    )
    assert asked.sync_of(body) == {"revision": "v1", "prune": True, "resources": [{"kind": "Pod", "name": "x"}]}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b'{"prunes": true}',
        b'{"prune": "yes"}',
        b'{"prune": 1}',
        b'{"revision": 7}',
        b'{"revision": "--upload-pack=id"}',
        b'{"revision": "a\\nb"}',
        b'{"resources": {}}',
        b'{"resources": [7]}',
        b'{"resources": [{"kind": "Pod"}]}',
        b'{"resources": [{"kind": "Pod", "name": 7}]}',
        b'{"resources": [{"kind": "Pod", "name": "x", "uid": "y"}]}',
    ],
)
def test_a_field_that_is_unknown_or_wrong_is_refused_and_never_skipped(body: bytes) -> None:
    with pytest.raises(BadRequest):
        asked.sync_of(body)


@given(st.binary(max_size=80))
def test_any_body_is_a_sync_or_a_refusal(body: bytes) -> None:
    with suppress(BadRequest):
        assert isinstance(asked.sync_of(body), dict)


@pytest.mark.parametrize(
    "body", [b'{"id": -1}', b'{"id": true}', b'{"id": "3"}', b"{}", b'{"id": 3.5}', b'{"id": 1e300}']
)
def test_a_rollback_needs_the_number_of_an_entry(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        asked.body_of(body, asked.Rollback)
    assert [error.field for error in caught.value.errors] == ["id"]


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert asked.body_of(b'{"id": 3.0}', asked.Rollback).id == 3


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b'{"a":' * 300 + b"1" + b"}" * 300, b"\xff", b'{"a": 1e999}'])
def test_what_is_no_object_that_can_be_handed_on_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        asked.object_of(body)


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        (None, None),
        ('"5"', ("5",)),
        ('"5", "6"', ("5", "6")),
        ("*", ("*",)),
        ('W/"5"', ()),
        ("5", ()),
        ("", ()),
        ('"5",*', ("5", "*")),
    ],
)
def test_entity_tags_are_read_and_weak_ones_count_for_nothing(header: str | None, tags: tuple[str, ...] | None) -> None:
    assert asked.etags_of({} if header is None else {"If-Match": header}, "If-Match") == tags
