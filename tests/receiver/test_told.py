"""What one who follows is told, from what he may know."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.chosen import Wanted
from receiver.shown import Item, Key
from receiver.told import Told, ending, position_id, position_of
from tests.builders import an_application_body


def item(name: str = "web", project: str = "default", version: str = "7") -> Item:
    body = an_application_body(metadata={"name": name, "resourceVersion": version}, spec={"project": project})
    return Item.of(body)


def said(parts: Any) -> list[str]:
    """`ADDED web` for changes, the event's name for others."""
    found = []
    for part in parts:
        lines = dict(line.split(": ", 1) for line in part.decode().strip().splitlines())
        data = json.loads(lines["data"])
        if "event" in lines:
            found.append(lines["event"])
        else:
            result = data["result"]
            found.append(f"{result['type']} {result['application']['metadata']['name']}")
    return found


def told(**wanted: Any) -> Told:
    return Told(Wanted(**wanted), ())


def now(*items: Item) -> Any:
    there = {("pilothouse", each.facts.name): each for each in items}
    return there.get


WEB: Key = ("pilothouse", "web")


def test_everything_comes_between_reset_and_listed() -> None:
    assert said(told().all_of("pilothouse", [item("a"), item("b")])) == ["reset", "ADDED a", "ADDED b", "listed"]
    assert said(told(projects=frozenset({"x"})).all_of("pilothouse", [item("a"), item("b", "x")])) == [
        "reset",
        "ADDED b",
        "listed",
    ]


def test_a_change_is_added_modified_or_deleted_by_what_was_told() -> None:
    one = told()
    assert said(one.changes([WEB], now(item()))) == ["ADDED web"]
    assert said(one.changes([WEB], now(item()))) == ["MODIFIED web"]
    assert said(one.changes([WEB], now())) == ["DELETED web"]
    assert said(one.changes([WEB], now())) == []


def test_what_no_longer_meets_the_filter_is_deleted_and_comes_back_as_added() -> None:
    one = told(projects=frozenset({"web"}))
    assert said(one.changes([WEB], now(item(project="other")))) == []
    assert said(one.changes([WEB], now(item(project="web")))) == ["ADDED web"]
    assert said(one.changes([WEB], now(item(project="other")))) == ["DELETED web"]
    assert said(one.changes([WEB], now(item(project="web")))) == ["ADDED web"]


def test_of_who_comes_back_nothing_is_sure_so_a_deletion_is_told_once() -> None:
    one = told()
    one.resumed.add("pilothouse")
    assert said(one.changes([WEB], now())) == ["DELETED web"]
    assert said(one.changes([WEB], now())) == []
    assert said(one.changes([WEB], now(item()))) == ["ADDED web"]
    assert said(one.changes([("pilothouse", "other")], now(item("other")))) == ["MODIFIED other"]


def test_only_the_fields_that_are_asked_for_are_sent() -> None:
    (part,) = Told(Wanted(), (("metadata", "name"),)).changes([WEB], now(item()))
    assert json.loads(part[6:])["result"]["application"] == {"metadata": {"name": "web"}}


def test_managed_fields_are_never_sent() -> None:
    body = an_application_body(metadata={"managedFields": [{"manager": "x"}]})
    assert b"managedFields" not in Item.of(body).body


def test_a_position_is_read_as_it_was_written() -> None:
    assert position_id({"a": 5, "b": 7, "unknown": -1}) == b"id: a=5,b=7\n\n"
    assert position_of("a=5,b=7") == {"a": 5, "b": 7}


@pytest.mark.parametrize("written", ["", "5", "a=", "a=-1", "a=x", "a=" + "9" * 30, ",,=,", "a=\u0663"])
def test_a_position_that_is_none_says_nothing(written: str) -> None:
    assert position_of(written) == {}


@given(st.text(max_size=60))
def test_any_last_event_id_is_a_position_or_none(written: str) -> None:
    assert all(version >= 0 for version in position_of(written).values())


def test_the_last_words_are_one_event() -> None:
    assert ending("line\nbreak") == b'event: end\ndata: {"detail":"line\\nbreak"}\n\n'
