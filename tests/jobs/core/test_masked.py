"""No value of a Secret is ever shown; equal values look equal."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobs.core.masked import LAST_APPLIED, masked, masked_pair
from tests.builders import a_body

VALUES = st.text("0123456789abcdefghijklmnop", min_size=6, max_size=12).map(lambda text: f"#{text}")
DATA = st.dictionaries(st.sampled_from(["user", "password", "token"]), VALUES)
FIELDS = st.sampled_from(["data", "stringData"])


def a_secret(data: Any, field: str, applied: str = "") -> dict[str, Any]:
    annotations = {LAST_APPLIED: applied} if applied else {}
    return a_body("Secret", "s", metadata={"annotations": annotations}, **{field: data})


@given(DATA, DATA, FIELDS)
def test_no_secret_value_survives_on_either_side(live: dict[str, str], wanted: dict[str, str], field: str) -> None:
    shown = masked_pair(a_secret(live, field, applied=json.dumps(live)), a_secret(wanted, field))
    text = json.dumps(shown)
    assert not [value for value in (*live.values(), *wanted.values()) if value in text]


@given(DATA, DATA)
def test_equal_values_have_equal_runs_and_different_ones_different(
    live: dict[str, str], wanted: dict[str, str]
) -> None:
    one, other = masked_pair(a_secret(live, "data"), a_secret(wanted, "data"))
    for key, value in live.items():
        for name, against in wanted.items():
            assert (one["data"][key] == other["data"][name]) == (value == against)


@given(st.text(min_size=6) | st.lists(VALUES, min_size=1) | st.integers(10**6))
def test_data_that_is_no_map_is_masked_as_a_whole(data: Any) -> None:
    assert set(masked(a_secret(data, "data"))["data"]) == {"+"}


def test_a_run_does_not_tell_how_long_the_value_is() -> None:
    assert masked(a_secret({"a": "x"}, "data"))["data"] == masked(a_secret({"a": "x" * 99}, "data"))["data"]


def test_other_kinds_are_shown_as_they_are() -> None:
    body = a_body()
    assert masked(body) == body
    assert masked_pair(None, body) == (None, body)
    foreign = a_body("Secret", apiVersion="example.org/v1", data={"a": "b"})
    assert masked(foreign) == foreign
