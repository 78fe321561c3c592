import base64

import pytest

from receiver.errors import Unreadable
from receiver.payload import json_of
from receiver.providers import azure_devops
from receiver.push import UNKNOWN, Change, Ignored, Push
from tests.receiver.recorded import DELETED, LOGIN, MAIN, TAG, changed, recorded

URLS = ("https://acme@dev.azure.com/acme/Platform%20Tools/_git/deploy",)


@pytest.mark.parametrize(
    ("case", "changes"),
    [("push", (MAIN,)), ("tag", (TAG,)), ("branch-deleted", (DELETED,)), ("several-refs", (MAIN, TAG, DELETED)),
     ("no-changes", (UNKNOWN,))],
)  # fmt: skip
def test_a_push_of_any_kind_is_verified_and_read(case: str, changes: tuple[Change, ...]) -> None:
    delivery = recorded(f"azure_devops/{case}")
    assert azure_devops.verify(delivery, LOGIN)
    assert azure_devops.parse("", json_of(delivery)) == Push(URLS, changes)


def test_the_test_of_the_wizard_is_answered_and_marks_nothing() -> None:
    assert azure_devops.parse("", json_of(recorded("azure_devops/test"))) == Ignored("pong", ping=True)


@pytest.mark.parametrize("login", [b"pilothouse:", b":open-sesame-42", b"Pilothouse:open-sesame-42", b"x:y", b"", b"p"])
def test_user_and_password_must_both_be_right(login: bytes) -> None:
    header = "Basic " + base64.b64encode(login).decode()
    assert not azure_devops.verify(changed(recorded("azure_devops/push"), authorization=header), LOGIN)


# https://learn.microsoft.com/azure/devops/service-hooks/events
OTHER_EVENTS = """
    build.complete git.pullrequest.created git.pullrequest.updated git.pullrequest.merged
    ms.vss-code.git-pullrequest-comment-event git.repo.created git.repo.deleted git.repo.forked git.repo.renamed
    git.repo.statuschanged tfvc.checkin workitem.created workitem.deleted workitem.restored workitem.updated
    workitem.commented ms.vss-release.release-created-event ms.vss-release.deployment-completed-event
    ms.vss-pipelines.run-state-changed-event ms.vss-pipelines.stage-state-changed-event
    ms.azure-devops-advanced-security.alert-created-event
"""


@pytest.mark.parametrize("event", OTHER_EVENTS.split())
def test_events_that_are_no_push_are_ignored(event: str) -> None:
    payload = {**json_of(recorded("azure_devops/pull-request")), "eventType": event}
    assert isinstance(azure_devops.parse("", payload), Ignored)


@pytest.mark.parametrize("updates", [None, {}, [], [7, None], [{"name": 7, "oldObjectId": [], "newObjectId": "abc"}]])
def test_updates_of_any_shape_still_tell_of_the_repository(updates: object) -> None:
    payload = {"eventType": "git.push", "resource": {"refUpdates": updates, "repository": {"remoteUrl": "x"}}}
    assert azure_devops.parse("", payload) == Push(("x",), (UNKNOWN,))


def test_all_addresses_count() -> None:
    repository = {"remoteUrl": "a", "sshUrl": "b", "webUrl": "c", "url": "of the API"}
    payload = {"eventType": "git.push", "resource": {"repository": repository}}
    told = azure_devops.parse("", payload)
    assert told == Push(("a", "b", "c"), (UNKNOWN,))


@pytest.mark.parametrize("resource", [None, [], {}, {"repository": {"id": "x", "url": "https://h.example/_apis"}}])
def test_a_push_with_minimal_or_no_resource_details_is_unreadable(resource: object) -> None:
    with pytest.raises(Unreadable, match=r"resource\.repository"):
        azure_devops.parse("", {"eventType": "git.push", "resource": resource})
