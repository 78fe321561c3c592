import pytest

from receiver.errors import Unreadable
from receiver.payload import json_of
from receiver.providers import bitbucket_cloud
from receiver.push import UNKNOWN, Change, Ignored, Push
from tests.receiver.recorded import DELETED, MAIN, SECRET, TAG, UUID, changed, recorded

URLS = ("https://bitbucket.org/acme/deploy",)


@pytest.mark.parametrize(
    ("case", "changes"),
    [("push", (MAIN,)), ("tag", (TAG,)), ("branch-deleted", (DELETED,)), ("several-refs", (MAIN, TAG, DELETED)),
     ("no-changes", (UNKNOWN,))],
)  # fmt: skip
def test_a_push_of_any_kind_is_verified_and_read(case: str, changes: tuple[Change, ...]) -> None:
    delivery = recorded(f"bitbucket_cloud/{case}")
    assert bitbucket_cloud.verify(delivery, SECRET)
    assert bitbucket_cloud.parse("repo:push", json_of(delivery)) == Push(URLS, changes)


def test_a_hook_without_a_secret_is_known_by_its_uuid_with_or_without_braces() -> None:
    delivery = recorded("bitbucket_cloud/push-uuid")
    assert bitbucket_cloud.verify(delivery, UUID)
    assert bitbucket_cloud.verify(delivery, UUID.strip(b"{}"))
    assert not bitbucket_cloud.verify(changed(delivery, x_hook_uuid="{}"), UUID)
    assert not bitbucket_cloud.verify(changed(delivery, x_hook_uuid="{}"), b"{}")


def test_the_uuid_does_not_stand_in_for_a_signature_that_does_not_fit() -> None:
    delivery = recorded("bitbucket_cloud/push")
    assert not bitbucket_cloud.verify(delivery, UUID)
    assert not bitbucket_cloud.verify(changed(delivery, x_hub_signature="sha256=" + "0" * 64), UUID)
    assert not bitbucket_cloud.signature(changed(delivery, x_hub_signature=None))


# https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
OTHER_EVENTS = """
    repo:fork repo:updated repo:transfer repo:commit_comment_created repo:commit_status_created
    repo:commit_status_updated repo:imported repo:deleted issue:created issue:updated issue:comment_created
    pullrequest:created pullrequest:updated pullrequest:approved pullrequest:unapproved pullrequest:fulfilled
    pullrequest:rejected pullrequest:comment_created pullrequest:comment_updated pullrequest:comment_deleted
    pullrequest:comment_resolved pullrequest:comment_reopened pullrequest:changes_request_created
    pullrequest:changes_request_removed project:updated
"""


@pytest.mark.parametrize("event", OTHER_EVENTS.split())
def test_events_that_are_no_push_are_ignored(event: str) -> None:
    assert isinstance(bitbucket_cloud.parse(event, json_of(recorded("bitbucket_cloud/pull-request"))), Ignored)


@pytest.mark.parametrize(
    "changes",
    [None, {}, [], [None, 7, []], [{"new": None, "old": None}], [{"new": {"type": "branch", "name": None}}],
     [{"new": {"type": "named_branch", "name": "x"}}], [{"new": {"type": {}, "name": "x", "target": 7}}]],
)  # fmt: skip
def test_changes_of_any_shape_still_tell_of_the_repository(changes: object) -> None:
    payload = {"push": {"changes": changes}, "repository": {"full_name": "acme/deploy"}}
    assert bitbucket_cloud.parse("repo:push", payload) == Push(URLS, (UNKNOWN,))


@pytest.mark.parametrize("repository", [None, [], {"full_name": 7}, {"links": {"html": []}}])
def test_a_push_without_a_repository_is_unreadable(repository: object) -> None:
    with pytest.raises(Unreadable):
        bitbucket_cloud.parse("repo:push", {"push": {"changes": []}, "repository": repository})
