"""Request bodies."""

import pytest

from deploy.sandbox import bodies
from deploy.sandbox.errors import ApiError

YAML = "application/apply-patch+yaml"


def test_yaml_is_read_as_kubernetes_does() -> None:
    text = b"a: 2001-01-01\nb: yes\nc: n\ny: 1\nd: 'n'\ne: 0777\n"
    assert bodies.mapping(text, YAML) == {"a": "2001-01-01", "b": True, "c": False, "true": 1, "d": "n", "e": 511}


@pytest.mark.parametrize(
    ("raw", "content_type", "code"),
    [
        (b"{", "application/json", 400),
        (b"a: b", "application/json", 400),
        (b"a: [", YAML, 400),
        (b"- a", YAML, 400),
        (b"[]", "application/json", 400),
        (b" " * (bodies.LIMIT + 1), "application/json", 413),
    ],
)
def test_what_is_no_object_is_refused(raw: bytes, content_type: str, code: int) -> None:
    with pytest.raises(ApiError) as caught:
        bodies.mapping(raw, content_type)
    assert caught.value.code == code


def test_an_empty_body_is_an_empty_object() -> None:
    assert bodies.mapping(b"", "application/json") == {}


def test_fields_given_twice_are_found_by_their_path() -> None:
    raw = b'{"a": {"b": 1, "b": 2}, "l": [{"x": 1}, {"x": 1, "x": 1}], "a": {"c": 1, "c": 1}}'
    assert bodies.duplicates(raw) == ("a", "a.c", "l[1].x")
    assert bodies.duplicates(b'{"a": 1}') == ()
    assert bodies.duplicates(b"no json") == ()
