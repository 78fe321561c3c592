import pytest

from receiver.errors import Unreadable
from receiver.payload import json_of
from receiver.providers import gogs
from receiver.push import Change, Ignored, Push
from tests.receiver.recorded import AFTER, BEFORE, SECRET, changed, recorded

WEB = "https://gogs.example.com/acme/deploy"
URLS = (WEB, f"{WEB}.git", "git@gogs.example.com:acme/deploy.git")


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("push", Change("refs/heads/main", BEFORE, AFTER)),
        ("tag", Change("refs/tags/v1.4.2", "", AFTER)),
        ("tag-deleted", Change("refs/tags/v1.4.2", "", "")),
        ("branch-deleted", Change("refs/heads/feature/x", "", "")),
    ],
)
def test_a_push_a_made_tag_and_whatever_is_deleted_is_verified_and_read(case: str, change: Change) -> None:
    delivery = recorded(f"gogs/{case}")
    assert gogs.verify(delivery, SECRET)
    assert gogs.parse(delivery.header("x-gogs-event"), json_of(delivery)) == Push(URLS, (change,))


def test_a_made_branch_is_told_by_the_push_that_comes_with_it() -> None:
    assert isinstance(gogs.parse("create", json_of(recorded("gogs/branch-created"))), Ignored)


def test_a_test_delivery_is_answered() -> None:
    told = gogs.parse("push", json_of(recorded("gogs/test")))
    assert isinstance(told, Ignored)
    assert told.ping


# https://github.com/gogs/gogs/blob/main/docs/user/webhooks.md
@pytest.mark.parametrize("event", ["fork", "issues", "issue_comment", "pull_request", "release", ""])
def test_events_that_are_no_push_are_ignored(event: str) -> None:
    assert isinstance(gogs.parse(event, json_of(recorded("gogs/issues"))), Ignored)


@pytest.mark.parametrize("claim", ["", "0" * 64, "sha256=" + "0" * 64, "ä" * 64, "\udcff"])
def test_another_signature_is_refused(claim: str) -> None:
    assert not gogs.verify(changed(recorded("gogs/push"), x_gogs_signature=claim), SECRET)


@pytest.mark.parametrize("kind", [None, 7, [], "branches", {}])
def test_an_odd_kind_of_ref_gives_no_ref(kind: object) -> None:
    payload = {"ref": "x", "ref_type": kind, "repository": {"html_url": WEB}}
    assert gogs.parse("delete", payload) == Push((WEB,), (Change("", "", ""),))


def test_a_push_without_a_repository_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        gogs.parse("push", {"ref": "refs/heads/main", "repository": []})
