from dataclasses import replace

import pytest

from receiver.errors import Forged, Unreadable
from receiver.payload import json_of
from receiver.providers import gitlab
from receiver.push import Change, Ignored, Push
from tests.receiver.recorded import SECRET, SIGNING_TOKEN, changed, recorded

BEFORE, AFTER = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"
URLS = (
    "https://gitlab.example.com/platform/tools/deploy",
    "https://gitlab.example.com/platform/tools/deploy.git",
    "git@gitlab.example.com:platform/tools/deploy.git",
)
MAIN, TAG = Change("refs/heads/main", BEFORE, AFTER), Change("refs/tags/v1.4.2", "", AFTER)


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("push", (MAIN,)),
        ("tag", (TAG,)),
        ("branch-deleted", (Change("refs/heads/feature/x", BEFORE, ""),)),
        ("system-push", (MAIN,)),
        ("system-repository-update", (MAIN, TAG)),
    ],
)
def test_a_push_of_any_kind_is_verified_and_read(case: str, changes: tuple[Change, ...]) -> None:
    delivery = recorded(f"gitlab/{case}")
    assert gitlab.verify(delivery, SECRET)
    assert gitlab.parse(delivery.header("x-gitlab-event"), json_of(delivery)) == Push(URLS, changes)


def test_a_signing_token_signs_and_the_token_beside_it_counts_for_nothing() -> None:
    delivery = recorded("gitlab/push-signed")
    assert gitlab.verify(delivery, SIGNING_TOKEN)
    assert gitlab.signature(delivery) == delivery.header("webhook-signature")
    beside = changed(delivery, x_gitlab_token=SECRET.decode())
    assert gitlab.verify(beside, SIGNING_TOKEN)
    assert not gitlab.verify(beside, SECRET)
    assert not gitlab.verify(changed(beside, body=beside.body + b" "), SIGNING_TOKEN)
    assert not gitlab.verify(changed(beside, body=beside.body + b" "), SECRET)


def test_an_old_signed_delivery_is_refused() -> None:
    delivery = recorded("gitlab/push-signed")
    with pytest.raises(Forged, match="webhook-timestamp"):
        gitlab.verify(replace(delivery, received_at=delivery.received_at + 301), SIGNING_TOKEN)


# https://docs.gitlab.com/user/project/integrations/webhook_events/
@pytest.mark.parametrize(
    ("event", "kind"),
    [(f"{name} Hook", kind) for name, kind in [
        ("Issue", "issue"), ("Confidential Issue", "issue"), ("Note", "note"), ("Confidential Note", "note"),
        ("Merge Request", "merge_request"), ("Wiki Page", "wiki_page"), ("Pipeline", "pipeline"), ("Job", "build"),
        ("Deployment", "deployment"), ("Member", "group_member"), ("Subgroup", "subgroup_create"),
        ("Project", "project_create"), ("Feature Flag", "feature_flag"), ("Release", "release"),
        ("Milestone", "milestone"), ("Emoji", "emoji"), ("Resource Access Token", "access_token"),
        ("Vulnerability", "vulnerability"), ("System", "user_create"), ("System", "key_create"),
        ("System", "project_rename"), ("System", "merge_request"), ("System", "gitlab_subscription_member_approval"),
    ]],
)  # fmt: skip
def test_events_that_are_no_push_are_ignored(event: str, kind: str) -> None:
    assert isinstance(gitlab.parse(event, {**json_of(recorded("gitlab/push")), "event_name": kind}), Ignored)
    assert isinstance(gitlab.parse(event, {"object_kind": kind}), Ignored)


def test_odd_events_are_ignored() -> None:
    delivery = recorded("gitlab/merge-request")
    assert isinstance(gitlab.parse(delivery.header("x-gitlab-event"), json_of(delivery)), Ignored)
    assert isinstance(gitlab.parse("System Hook", {"event_name": "project_create"}), Ignored)
    assert isinstance(gitlab.parse("Push Hook", {"event_name": ["push"]}), Ignored)


@pytest.mark.parametrize("token", ["", "open-sesame-4", "open-sesame-42x", "OPEN-SESAME-42", "ä", "\udcff"])
def test_another_token_is_refused(token: str) -> None:
    assert not gitlab.verify(changed(recorded("gitlab/push"), x_gitlab_token=token), SECRET)


def test_all_changes_are_read_and_odd_ones_left_out() -> None:
    changes = [None, 7, {}, *({"ref": f"refs/heads/{n}", "before": BEFORE, "after": AFTER} for n in range(500))]
    push = gitlab.parse(
        "System Hook", {"event_name": "repository_update", "project": {"web_url": "x"}, "changes": changes}
    )
    assert isinstance(push, Push)
    assert len(push.changes) == 501  # {} is one of which nothing is told


def test_a_push_without_a_project_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        gitlab.parse("Push Hook", {"event_name": "push", "ref": "refs/heads/main"})
