import pytest

from receiver.errors import Unreadable
from receiver.payload import json_of
from receiver.providers import gitea
from receiver.push import Change, Ignored, Push
from tests.receiver.recorded import SECRET, changed, recorded

BEFORE, AFTER = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"


def urls(host: str) -> tuple[str, ...]:
    web = f"https://{host}/acme/deploy"
    return web, f"{web}.git", f"ssh://git@{host}:2222/acme/deploy.git"


@pytest.mark.parametrize(
    ("case", "host", "change"),
    [
        ("gitea/push", "gitea.example.com", Change("refs/heads/main", BEFORE, AFTER)),
        ("gitea/tag", "gitea.example.com", Change("refs/tags/v1.4.2", "", AFTER)),
        ("gitea/branch-deleted", "gitea.example.com", Change("refs/heads/feature/x", BEFORE, "")),
        ("forgejo/push", "code.example.org", Change("refs/heads/main", BEFORE, AFTER)),
    ],
)
def test_a_push_of_any_kind_is_verified_and_read(case: str, host: str, change: Change) -> None:
    delivery = recorded(case)
    assert gitea.verify(delivery, SECRET)
    assert gitea.parse("push", json_of(delivery)) == Push(urls(host), (change,))


@pytest.mark.parametrize("host", ["gitea", "forgejo"])
def test_a_test_delivery_is_answered(host: str) -> None:
    told = gitea.parse("push", json_of(recorded(f"{host}/test")))
    assert isinstance(told, Ignored)
    assert told.ping


# https://docs.gitea.com/usage/repository/webhooks
OTHER_EVENTS = """
    create delete fork issues issue_assign issue_label issue_milestone issue_comment pull_request
    pull_request_assign pull_request_label pull_request_milestone pull_request_comment pull_request_review_approved
    pull_request_review_rejected pull_request_review_comment pull_request_sync pull_request_review_request wiki
    repository release package status workflow_run workflow_job action_run_failure
"""


@pytest.mark.parametrize("event", OTHER_EVENTS.split())
def test_events_that_are_no_push_are_ignored(event: str) -> None:
    assert isinstance(gitea.parse(event, json_of(recorded("gitea/issues"))), Ignored)


def test_githubs_signature_header_beside_it_does_not_count() -> None:
    assert not gitea.verify(changed(recorded("gitea/push"), x_gitea_signature=""), SECRET)


@pytest.mark.parametrize("claim", ["", "0" * 64, "sha256=" + "0" * 64, "ä" * 64, "\udcff"])
def test_another_signature_is_refused(claim: str) -> None:
    assert not gitea.verify(changed(recorded("gitea/push"), x_gitea_signature=claim), SECRET)


def test_a_push_without_a_repository_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        gitea.parse("push", {"ref": "refs/heads/main", "repository": {"html_url": None}})
