"""What is wrong with an Application that somebody is about to write."""

from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core.application import application_of
from jobs.core.checked import problems_of
from jobs.core.errors import InvalidSpecError
from tests.builders import an_application_body
from tests.jobs.core.test_application import WRONG


def said(**over: Any) -> list[str]:
    return [f"{problem.field} {problem.detail}" for problem in problems_of(an_application_body(**over))]


def test_an_application_that_makes_sense_has_no_problem() -> None:
    assert said() == []


@pytest.mark.parametrize(("over", "message"), WRONG)
def test_what_stops_a_run_is_a_problem_in_the_same_words(over: dict[str, Any], message: str) -> None:
    assert any(one.startswith(message) for one in said(**over))


def test_all_problems_are_told_at_once_and_each_field_once() -> None:
    source = {"repoURL": 7, "path": "../x", "helm": {"valueFiles": [1], "parameters": [{"value": "x"}, 3]}}
    found = said(
        spec={
            "source": source,
            "destination": {"server": "https://a", "name": "b"},
            "revisionHistoryLimit": "many",
            "syncPolicy": {"automated": {"prune": 1}, "retry": {"backoff": {"duration": "soon"}}},
        }
    )
    assert found == [
        "spec.source.repoURL must be text",
        "spec.source.path must be a relative path inside the repository, not '../x'",
        "spec.source.helm.valueFiles must be a list of text",
        "spec.source.helm.parameters[1] must be a mapping",
        "spec.source.helm.parameters[0].name is missing",
        "spec.destination has both server and name: keep one of them",
        "spec.syncPolicy.automated.prune must be true or false",
        "spec.syncPolicy.retry.backoff.duration must be a duration such as 5s or 2m, not 'soon'",
        "spec.revisionHistoryLimit must be a whole number",
    ]


def test_an_address_that_is_no_repository_is_named_without_its_password() -> None:
    (one,) = said(spec={"source": {"repoURL": "ftp://ada:hunter2@git.example.org/x"}})
    assert one.startswith("spec.source.repoURL is no repository")
    assert "hunter2" not in one
    sources = [{"repoURL": "https://git.example.org/a"}, {"repoURL": "-x"}]
    (one,) = said(spec={"sources": sources})
    assert one.startswith("spec.sources[1].repoURL is no repository")


PLACES = ("metadata.annotations", "spec.source.helm.parameters", "spec.source.path", "spec.destination", "spec.sources")
JUNK = st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3) | st.lists(st.integers(0, 1), max_size=2)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(PLACES), JUNK | st.fixed_dictionaries({"name": JUNK}), max_size=3))
def test_a_run_stops_at_an_application_exactly_when_it_has_a_problem_of_shape(planted: dict[str, Any]) -> None:
    body = an_application_body(spec={"source": {"helm": {}}})
    for place, value in planted.items():
        *way, last = place.split(".")
        reduce(lambda inner, name: inner[name], way, body)[last] = value
    found = [problem for problem in problems_of(body) if "is no repository" not in problem.detail]
    try:
        application_of(body)
    except InvalidSpecError:
        assert found
    else:
        assert not found
