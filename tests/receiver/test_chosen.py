"""Which Applications are shown, and which of their fields."""

from typing import Any

import pytest

from receiver.asked import Filtered
from receiver.chosen import Facts, Wanted, picked
from tests.builders import an_application_body

SHOP = an_application_body(
    metadata={"labels": {"team": "web"}},
    status={"health": {"status": "Degraded"}, "sync": {"status": "OutOfSync"}, "resources": [{"kind": "A", "x": 1}, 7]},
)


@pytest.mark.parametrize(
    ("asked", "meets"),
    [
        ({}, True),
        ({"projects": ["default", "x"]}, True),
        ({"projects": ["x"]}, False),
        ({"health": ["Degraded", "Missing"], "sync": ["OutOfSync"]}, True),
        ({"health": ["Healthy"]}, False),
        ({"sync": ["Synced"]}, False),
        ({"repo": "git@git.example.org:shop.git"}, True),
        ({"repo": "https://GIT.example.org/shop"}, True),
        ({"repo": "https://git.example.org/other"}, False),
        ({"repo": "no address at all"}, False),
        ({"selector": "team=web"}, True),
        ({"selector": "team=api"}, False),
    ],
)
def test_filters_must_all_be_met(asked: dict[str, Any], meets: bool) -> None:
    assert Wanted.of(Filtered(**asked)).meets(Facts.of(SHOP)) is meets


def test_one_may_be_wanted_by_its_name() -> None:
    assert Wanted.of(Filtered(), "web").meets(Facts.of(SHOP))
    assert not Wanted.of(Filtered(), "shop").meets(Facts.of(SHOP))


def test_any_of_several_sources_counts() -> None:
    sources = [{"repoURL": "https://git.example.org/a"}, {"repoURL": "https://git.example.org/b"}, "nonsense"]
    facts = Facts.of(an_application_body(spec={"sources": sources}))
    assert Wanted.of(Filtered(repo="https://git.example.org/b.git")).meets(facts)


@pytest.mark.parametrize("body", [{}, {"metadata": [], "spec": "x", "status": {"health": 7, "sync": []}}])
def test_what_makes_no_sense_is_unknown(body: dict[str, Any]) -> None:
    facts = Facts.of(body)
    assert (facts.project, facts.health, facts.sync, facts.repositories) == ("default", "Unknown", "Unknown", ())


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ([("metadata", "name")], {"metadata": {"name": "web"}}),
        (
            [("status", "sync", "status"), ("kind",)],
            {"status": {"sync": {"status": "OutOfSync"}}, "kind": "Application"},
        ),
        ([("status", "sync"), ("status", "sync", "status")], {"status": {"sync": {"status": "OutOfSync"}}}),
        ([("status", "resources", "kind")], {"status": {"resources": [{"kind": "A"}, None]}}),
        ([("nothing",), ("kind", "deeper")], {"kind": None}),
    ],
)
def test_only_the_fields_that_are_asked_for_are_shown(paths: list[tuple[str, ...]], found: dict[str, Any]) -> None:
    assert picked(SHOP, paths) == found


def test_without_a_choice_everything_is_shown() -> None:
    assert picked(SHOP, ()) == SHOP
