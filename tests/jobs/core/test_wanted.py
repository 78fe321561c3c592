"""What a sync in progress wants instead of the spec."""

from typing import Any

import pytest

from jobs.core.application import Application
from jobs.core.errors import InvalidSpecError
from jobs.core.wanted import revisions_wanted, wanted
from tests.builders import COMMIT, OLDER, an_application

OLD = {"repoURL": "https://git.example.org/old.git", "path": "charts/old", "targetRevision": "v1"}
OTHER = {"repoURL": "https://git.example.org/values.git", "ref": "values"}


def asked(sync: dict[str, Any], **more: Any) -> Application:
    return an_application(operation={"sync": sync}, **more)


def running(operation: Any, phase: str = "Running") -> Application:
    return an_application(status={"operationState": {"phase": phase, "operation": operation}})


def test_without_an_operation_the_spec_counts() -> None:
    application = an_application()
    assert wanted(application) is application
    assert revisions_wanted(application) == ("main",)


def test_an_operation_without_sources_wants_those_of_the_spec() -> None:
    application = asked({"prune": True, "source": {"repoURL": ""}})
    assert wanted(application) is application


def test_the_source_of_an_operation_stands_in_the_specs_place_until_it_ends() -> None:
    sync = {"source": OLD, "revision": OLDER}
    for application in (asked(sync), running({"sync": sync})):
        found = wanted(application)
        assert [source.path for source in found.sources] == ["charts/old"]
        assert found.spec["source"] == OLD
        assert found.spec["destination"] == application.spec["destination"]
        assert revisions_wanted(found) == (OLDER,)
    assert wanted(running({"sync": sync}, "Succeeded")).sources[0].path == "charts/web"


def test_several_sources_have_a_revision_each() -> None:
    found = wanted(asked({"source": {"repoURL": ""}, "sources": [OLD, OTHER], "revisions": [OLDER, COMMIT]}))
    assert [source.repo_url for source in found.sources] == [OLD["repoURL"], OTHER["repoURL"]]
    assert "source" not in found.spec
    assert revisions_wanted(found) == (OLDER, COMMIT)


def test_one_source_instead_of_several() -> None:
    found = wanted(asked({"source": OLD}, spec={"sources": [OLD, OTHER]}))
    assert len(found.sources) == 1
    assert "sources" not in found.spec


def test_what_pilothouse_began_by_itself_follows_the_branch() -> None:
    sync = {"revision": OLDER}
    assert revisions_wanted(running({"initiatedBy": {"automated": True}, "sync": sync})) == ("main",)
    assert revisions_wanted(running({"initiatedBy": {"username": "ada"}, "sync": sync})) == (OLDER,)


@pytest.mark.parametrize(
    ("sync", "named"),
    [
        ({"source": {"repoURL": "https://git.example.org/x", "path": "../y"}}, "operation.sync.source.path"),
        ({"sources": [{"path": "x"}]}, "operation.sync.sources[0].repoURL"),
    ],
)
def test_a_source_that_makes_no_sense_is_named_when_asked_for_and_left_out_when_only_in_the_status(
    sync: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        wanted(asked(sync))
    assert named in caught.value.message
    assert wanted(running({"sync": sync})).sources[0].path == "charts/web"


def test_another_number_of_revisions_than_sources_is_refused() -> None:
    with pytest.raises(InvalidSpecError, match=r"operation\.sync\.revisions needs one revision for each source"):
        revisions_wanted(wanted(asked({"sources": [OLD, OTHER], "revisions": [OLDER]})))
