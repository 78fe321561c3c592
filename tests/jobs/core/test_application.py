"""The Application as people write it; what makes no sense names its field."""

from typing import Any

import pytest

from jobs.core.application import application_of, unreadable
from jobs.core.errors import InvalidSpecError
from tests.builders import an_application, an_application_body


def test_an_application_is_read() -> None:
    found = an_application()
    assert (found.key, found.project, found.history_limit) == ("pilothouse/web", "default", 10)
    assert (found.policy.automated, found.policy.prune, found.policy.self_heal) == (True, True, True)
    assert found.destination.is_home
    (source,) = found.sources
    assert (source.path, source.target_revision, source.helm) == ("charts/web", "main", None)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"spec": None}, "spec.source is missing"),
    ({"spec": {"source": None}}, "spec.source is missing"),
    ({"spec": {"source": {"repoURL": None}}}, "spec.source.repoURL is missing"),
    ({"spec": {"source": {"path": "../other"}}}, "spec.source.path must be a relative path"),
    ({"spec": {"source": {"path": "/etc"}}}, "spec.source.path must be a relative path"),
    (
        {"spec": {"source": {"helm": {"parameters": [{"value": "x"}]}}}},
        "spec.source.helm.parameters[0].name is missing",
    ),
    ({"spec": {"source": {"helm": {"valueFiles": [1]}}}}, "spec.source.helm.valueFiles must be a list of text"),
    ({"spec": {"destination": {"server": None}}}, "spec.destination needs a server or a name"),
    ({"spec": {"destination": {"name": "in-cluster"}}}, "spec.destination has both server and name"),
    ({"spec": {"revisionHistoryLimit": "many"}}, "spec.revisionHistoryLimit must be a whole number"),
    ({"spec": {"syncPolicy": {"automated": "yes"}}}, "spec.syncPolicy.automated must be a mapping"),
    ({"metadata": {"annotations": ["a"]}}, "metadata.annotations must be a mapping"),
    ({"operation": {"sync": "now"}}, "operation.sync must be a mapping"),
    ({"operation": {"sync": {"prune": "yes"}}}, "operation.sync.prune must be true or false"),
    ({"operation": {"initiatedBy": ["ada"]}}, "operation.initiatedBy must be a mapping"),
    ({"operation": ["now"]}, "operation must be a mapping"),
]


@pytest.mark.parametrize(("over", "message"), WRONG)
def test_what_makes_no_sense_is_named(over: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        application_of(an_application_body(**over))
    assert message in caught.value.message


@pytest.mark.parametrize(("over", "message"), WRONG)
def test_of_an_unreadable_one_enough_remains_to_say_so(over: dict[str, Any], message: str) -> None:
    found = unreadable(an_application_body(**over))
    assert (found.key, found.resource_version) == ("pilothouse/web", "7")


def test_an_operation_that_makes_no_sense_is_kept_as_written_so_that_it_can_be_taken_away() -> None:
    written = {"sync": {"prune": "yes"}}
    assert unreadable(an_application_body(operation=written)).operation == written


def test_sources_win_over_source() -> None:
    sources = [{"repoURL": "https://git.example.org/a.git"}, {"repoURL": "https://git.example.org/b.git", "ref": "b"}]
    found = an_application(spec={"sources": sources})
    assert [source.repo_url for source in found.sources] == [entry["repoURL"] for entry in sources]


def test_of_a_status_what_makes_no_sense_is_left_out() -> None:
    found = an_application(
        status={"sync": "Synced", "health": {"status": 7, "message": "m"}, "history": [1, {"id": 2}]}
    )
    assert found.status == {"health": {"message": "m"}, "history": [{"id": 2}]}
