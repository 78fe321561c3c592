"""Which version a change is of."""

from typing import Any

import pytest

from receiver.errors import Changed, Outdated, Unguarded
from receiver.guard import Guard


def guard(tag: str | None = None, version: Any = None) -> Guard:
    body = {"metadata": {"resourceVersion": version}} if version is not None else None
    return Guard.of({} if tag is None else {"If-Match": tag}, body)


@pytest.mark.parametrize(
    ("tag", "version"), [('"7"', None), ('"6", "7"', None), ("*", None), (None, "7"), ('"7"', "7")]
)
def test_the_version_that_is_meant_is_let_through(tag: str | None, version: str | None) -> None:
    guard(tag, version).require("7")
    guard(tag, version).require_any()


@pytest.mark.parametrize(
    ("tag", "version", "refusal"),
    [
        ('"6"', None, Outdated),
        ('W/"7"', None, Outdated),
        (None, "6", Changed),
        ("*", "6", Changed),
        ('"6"', "7", Outdated),
    ],
)
def test_another_version_is_refused(tag: str | None, version: str | None, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        guard(tag, version).require("7")


@pytest.mark.parametrize("version", [None, "", 7, [], {}])
def test_a_change_that_says_nothing_is_refused(version: Any) -> None:
    with pytest.raises(Unguarded):
        guard(None, version).require_any()


def test_only_a_star_means_whatever_it_is() -> None:
    assert not guard("*").names_one
    assert guard('"7"').names_one
    assert guard("*", "7").names_one
    assert not guard().names_one
