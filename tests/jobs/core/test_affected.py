"""Which applications a new revision concerns."""

from typing import Any

import pytest

from jobs.core.affected import Effect, effect, together, yet_to_look
from jobs.core.application import RUN, SOURCE_KEY, Application, application_of
from jobs.core.run import Aim

REVISIONS = ("b" * 40,)


def an_application(deployed: str, *, status: Any = None, run: str = "") -> Application:
    annotations = {SOURCE_KEY: deployed} | ({RUN: run} if run else {})
    return application_of(
        {
            "metadata": {"namespace": "apps", "name": "web", "annotations": annotations},
            "spec": {
                "source": {"repoURL": "https://git.example.org/web.git", "path": "."},
                "destination": {"name": "in-cluster"},
            },
            "status": status or {},
        }
    )


def test_only_the_revision_moves_when_the_key_is_the_deployed_one() -> None:
    found = effect(an_application("one"), Aim(REVISIONS, "one"))
    assert (found.concerned, found.moved) == (False, True)


def test_another_key_concerns_the_application_and_ends_its_back_off() -> None:
    found = effect(an_application("one"), Aim(REVISIONS, "two"))
    assert (found.concerned, found.new_key) == (True, True)


def test_a_key_that_failed_before_keeps_its_back_off() -> None:
    found = effect(an_application("one,two,3"), Aim(REVISIONS, "two"))
    assert (found.concerned, found.new_key) == (True, False)


def test_going_back_to_the_deployed_key_after_a_failure_concerns_the_application() -> None:
    found = effect(an_application("one,two,3"), Aim(REVISIONS, "one"))
    assert (found.concerned, found.new_key) == (True, True)


@pytest.mark.parametrize(("key", "concerned"), [("one", True), ("two", False)])
def test_going_back_while_a_run_is_under_way_concerns_the_application(key: str, concerned: bool) -> None:
    status = {"operationState": {"phase": "Running"}}
    application = an_application("one" if concerned else "two", status=status, run="operation.claim.two")
    assert effect(application, Aim(REVISIONS, key)).concerned is concerned


def named(name: str, *revisions: str, cluster: str = "in-cluster") -> Application:
    """An application of that name, compared to these revisions."""
    return application_of(
        {
            "metadata": {"namespace": "apps", "name": name},
            "spec": {
                "source": {"repoURL": "https://git.example.org/web.git", "path": "."},
                "destination": {"name": cluster},
            },
            "status": {"sync": {"revisions": list(revisions)}},
        }
    )


def test_the_applications_of_a_cluster_that_a_push_concerns_know_of_each_other() -> None:
    effects = [
        Effect(named("one"), REVISIONS, concerned=True),
        Effect(named("two"), REVISIONS, concerned=True),
        Effect(named("idle"), REVISIONS, concerned=False),
        Effect(named("far", cluster="elsewhere"), REVISIONS, concerned=True),
    ]
    found = together(effects)
    assert sorted(found.values()) == ["apps/far", "apps/one,apps/two"]


def test_a_push_that_concerns_very_many_names_none() -> None:
    effects = [Effect(named(f"application-{number}"), REVISIONS, concerned=True) for number in range(200)]
    assert list(together(effects).values()) == [""]


def test_who_was_compared_to_none_of_the_revisions_has_yet_to_look() -> None:
    others = [named("old", "a" * 40), named("new", *REVISIONS), named("never")]
    assert yet_to_look(others, Aim(REVISIONS, "key")) == ("apps/old", "apps/never")
