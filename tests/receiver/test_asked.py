import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver import asked
from receiver.errors import BadRequest, Missing

SERVED = ("pilothouse", "team")


def test_a_page_begins_at_the_first_namespace_with_a_hundred() -> None:
    page = asked.page_of({}, SERVED)
    assert (page.namespaces, page.limit, page.namespace, page.token) == (SERVED, 100, "", "")


def test_a_page_goes_on_where_the_last_one_ended() -> None:
    page = asked.page_of({"continue": asked.continue_at("team", "abc"), "limit": "7", "namespace": "team"}, SERVED)
    assert (page.namespaces, page.limit, page.namespace, page.token) == (("team",), 7, "team", "abc")


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "1e2", "\u0663", "9" * 5_000])
def test_a_limit_out_of_bounds_is_refused(limit: str) -> None:
    with pytest.raises(BadRequest, match="limit"):
        asked.page_of({"limit": limit}, SERVED)


@pytest.mark.parametrize(
    "written", ["x", "[]", "é", base64.urlsafe_b64encode(b'["kube-system","1"]').decode(), "====", "W10="]
)
def test_a_continue_token_that_is_not_ours_is_refused(written: str) -> None:
    with pytest.raises(BadRequest, match="continue"):
        asked.page_of({"continue": written}, SERVED)


def test_a_namespace_that_is_not_served_is_missing() -> None:
    with pytest.raises(Missing):
        asked.page_of({"namespace": "kube-system"}, SERVED)
    with pytest.raises(Missing):
        asked.namespace_of({"appNamespace": "kube-system"}, SERVED)


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a%2fb", "-a", "a?b", "a" * 254])
def test_what_cannot_be_an_objects_name_is_missing(name: str) -> None:
    with pytest.raises(Missing):
        asked.name_of(name)


@pytest.mark.parametrize(
    ("written", "seconds"), [("", 0), ("30s", 30), ("1m", 60), ("500ms", 0.5), ("2", 2), ("1.5s", 1.5)]
)
def test_times_are_read_with_their_unit(written: str, seconds: float) -> None:
    assert asked.wait_of({"wait": written}) == seconds


@pytest.mark.parametrize("written", ["forever", "1h", "301s", "-1s", "6m", "nan", "1e3"])
def test_a_time_that_is_none_or_too_long_is_refused(written: str) -> None:
    with pytest.raises(BadRequest, match="wait"):
        asked.wait_of({"wait": written})


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


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(BadRequest, match="projects"):
        asked.known({"projects": "x"}, ("project",))
