"""Reading a mapping that anybody may have written: a value of the right shape, or an error that names the field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from tests.jobs.core.hostile import JSON

READERS: dict[str, Any] = {
    "text": "text",
    "flag": "true or false",
    "number": "a whole number",
    "texts": "a list",
    "items": "a list",
    "mapping": "a mapping",
    "inner": "a mapping",
    "each": "a list",
}


@given(st.dictionaries(st.just("a"), JSON | st.integers()), st.sampled_from(sorted(READERS)))
def test_any_json_is_read_or_named_as_wrong(values: dict[str, Any], reader: str) -> None:
    fields = Fields(values, "spec")
    more = (7,) if reader == "number" else ()
    try:
        getattr(fields, reader)("a", *more)
        said = "spec.a"
    except InvalidSpecError as error:
        said = error.message
    assert said.startswith("spec.a")


@pytest.mark.parametrize(("reader", "default"), [("text", ""), ("flag", False), ("texts", ()), ("mapping", {})])
def test_absent_and_null_are_the_same(reader: str, default: Any) -> None:
    assert getattr(Fields({"a": None}, ""), reader)("a") == getattr(Fields({}, ""), reader)("a") == default
    assert not Fields({"a": None}, "").has("a")


@pytest.mark.parametrize("value", [True, 1.5, "1", 2**63, -(2**63) - 1])
def test_a_number_is_a_whole_one_of_64_bits(value: Any) -> None:
    with pytest.raises(InvalidSpecError, match="limit must be a whole number"):
        Fields({"limit": value}, "").number("limit", 0)


def test_an_item_of_a_list_is_named_with_its_place() -> None:
    with pytest.raises(InvalidSpecError, match=r"spec\.sources\[1\] must be a mapping"):
        Fields({"sources": [{}, "x"]}, "spec").each("sources")
    assert Fields({"sources": [{"a": "b"}]}, "spec").each("sources")[0].at("a") == "spec.sources[0].a"
