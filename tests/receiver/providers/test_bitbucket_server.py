import pytest

from receiver.errors import Unreadable
from receiver.payload import MAX_URLS, json_of
from receiver.providers import bitbucket_server
from receiver.push import UNKNOWN, Change, Ignored, Push
from tests.receiver.recorded import DELETED, MAIN, SECRET, TAG, changed, recorded

URLS = (
    "ssh://git@bitbucket.example.com:7999/plat/deploy.git",
    "https://bitbucket.example.com/scm/plat/deploy.git",
    "https://bitbucket.example.com/projects/PLAT/repos/deploy/browse",
)


@pytest.mark.parametrize(
    ("case", "changes"),
    [("push", (MAIN,)), ("tag", (TAG,)), ("branch-deleted", (DELETED,)), ("several-refs", (MAIN, TAG, DELETED)),
     ("no-changes", (UNKNOWN,))],
)  # fmt: skip
def test_a_push_of_any_kind_is_verified_and_read(case: str, changes: tuple[Change, ...]) -> None:
    delivery = recorded(f"bitbucket_server/{case}")
    assert bitbucket_server.verify(delivery, SECRET)
    assert bitbucket_server.parse("repo:refs_changed", json_of(delivery)) == Push(URLS, changes)


def test_a_ping_is_verified_like_everything_else_and_answered() -> None:
    delivery = recorded("bitbucket_server/ping")
    assert bitbucket_server.verify(delivery, SECRET)
    assert bitbucket_server.parse("diagnostics:ping", json_of(delivery)) == Ignored("pong", ping=True)


# https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
OTHER_EVENTS = """
    project:modified repo:modified repo:forked repo:comment:added repo:comment:edited repo:comment:deleted
    repo:secret_detected mirror:repo_synchronized pr:opened pr:from_ref_updated pr:to_ref_updated pr:modified
    pr:reviewer:updated pr:reviewer:approved pr:reviewer:unapproved pr:reviewer:needs_work
    pr:reviewer:changes_requested pr:merged pr:declined pr:deleted pr:comment:added pr:comment:edited
    pr:comment:deleted
"""


@pytest.mark.parametrize("event", OTHER_EVENTS.split())
def test_events_that_are_no_push_are_ignored(event: str) -> None:
    assert isinstance(bitbucket_server.parse(event, json_of(recorded("bitbucket_server/pull-request"))), Ignored)


@pytest.mark.parametrize("claim", ["", "sha256", "sha256=", "sha1=" + "0" * 40, "s", "sha256=ä", "\udcff"])
def test_a_signature_of_a_wrong_shape_is_refused(claim: str) -> None:
    assert not bitbucket_server.verify(changed(recorded("bitbucket_server/push"), x_hub_signature=claim), SECRET)


def test_the_refs_name_may_stand_in_either_place() -> None:
    links = {"clone": [{"href": URLS[0]}]}
    changes = [{"ref": {"id": MAIN.ref}, "toHash": MAIN.after}, {"refId": TAG.ref}, {"ref": []}, 7]
    told = bitbucket_server.parse("repo:refs_changed", {"repository": {"links": links}, "changes": changes})
    assert told == Push(URLS[:1], (Change(MAIN.ref, "", MAIN.after), Change(TAG.ref, "", ""), UNKNOWN))


def test_the_number_of_addresses_is_bounded() -> None:
    links = {"clone": [{"href": f"https://h.example/{n}"} for n in range(1000)]}
    told = bitbucket_server.parse("repo:refs_changed", {"repository": {"links": links}})
    assert isinstance(told, Push)
    assert len(told.urls) == MAX_URLS


@pytest.mark.parametrize("links", [None, [], {"clone": {}}, {"clone": [7, {"href": 7}], "self": None}])
def test_a_push_without_a_repository_is_unreadable(links: object) -> None:
    with pytest.raises(Unreadable):
        bitbucket_server.parse("repo:refs_changed", {"repository": {"links": links}})
