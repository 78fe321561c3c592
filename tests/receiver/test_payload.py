import pytest

from receiver.errors import Unreadable
from receiver.payload import MAX_URLS, json_of, mappings, required, urls_of
from receiver.push import Delivery


def of(body: bytes, content_type: str = "application/json", **headers: str) -> Delivery:
    return Delivery({"content-type": content_type, **{n.replace("_", "-"): v for n, v in headers.items()}}, body)


def test_json_is_read_whatever_its_type_says() -> None:
    assert json_of(of(b'{"a": 1}', "text/plain; charset=UTF-8")) == {"a": 1}
    assert json_of(of(b'{"a": 1}', "")) == {"a": 1}


def test_a_form_holds_the_payload() -> None:
    assert json_of(of(b"payload=%7B%22a%22%3A+1%7D", "application/x-www-form-urlencoded")) == {"a": 1}


def test_of_a_key_that_stands_twice_the_last_value_counts() -> None:
    assert json_of(of(b'{"a": 1, "a": 2}')) == {"a": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b'{"a": 1} {"b": 2}',
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        json_of(of(body))


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"a":' * 500_000, b'{"a":' * 2_000 + b"1" + b"}" * 2_000])
def test_deep_nesting_is_refused_and_crashes_nothing(body: bytes) -> None:
    with pytest.raises(Unreadable):
        json_of(of(body))


@pytest.mark.parametrize(
    "body", [b"", b"other=1", b"payload=1&payload=2", b"payload=%ff", b"&".join([b"a=1"] * 2_000), b"payload"]
)
def test_a_form_without_one_payload_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        json_of(of(body, "application/x-www-form-urlencoded"))


def test_another_charset_or_compression_is_refused() -> None:
    with pytest.raises(Unreadable, match="UTF-8"):
        json_of(of('{"a": 1}'.encode("utf-16"), 'application/json; charset="utf-16"'))
    with pytest.raises(Unreadable, match="compressed"):
        json_of(of(b"{}", content_encoding="gzip"))


def test_addresses_are_read_once_each_and_only_if_they_are_text() -> None:
    assert urls_of({"a": "x", "b": "x", "c": 7, "d": None, "e": "", "f": "y"}, *"abcdef") == ("x", "y")


def test_of_a_list_the_mappings_are_read_and_of_anything_else_none() -> None:
    assert mappings({"a": [{"b": 1}, 7, None, [], {}]}, "a") == ({"b": 1}, {})
    for value in ({"b": 1}, "text", 7, None, []):
        assert mappings({"a": value}, "a") == ()


def test_a_push_has_at_least_one_address_and_not_too_many() -> None:
    assert len(required(tuple(map(str, range(50))), "repository")) == MAX_URLS
    with pytest.raises(Unreadable, match="project"):
        required((), "project")
