import pytest

from receiver.errors import Unreadable
from receiver.payload import json_of
from receiver.providers import github
from receiver.push import Change, Ignored, Push
from tests.receiver.recorded import SECRET, changed, recorded

BEFORE, AFTER = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"
URLS = (
    "https://github.com/Acme/deploy",
    "https://github.com/Acme/deploy.git",
    "git@github.com:Acme/deploy.git",
    "git://github.com/Acme/deploy.git",
)


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("push", Change("refs/heads/main", BEFORE, AFTER)),
        ("push-form", Change("refs/heads/main", BEFORE, AFTER)),
        ("tag", Change("refs/tags/v1.4.2", "", AFTER)),
        ("branch-deleted", Change("refs/heads/feature/x", BEFORE, "")),
    ],
)
def test_a_push_of_any_kind_is_verified_and_read(case: str, change: Change) -> None:
    delivery = recorded(f"github/{case}")
    assert github.verify(delivery, SECRET)
    assert github.parse("push", json_of(delivery)) == Push(URLS, (change,))


def test_a_ping_is_answered_and_other_events_are_ignored() -> None:
    assert github.parse("ping", json_of(recorded("github/ping"))) == Ignored("pong", ping=True)
    assert isinstance(github.parse("issues", json_of(recorded("github/issues"))), Ignored)


# https://docs.github.com/en/webhooks/webhook-events-and-payloads
OTHER_EVENTS = """
    branch_protection_configuration branch_protection_rule check_run check_suite code_scanning_alert commit_comment
    create custom_property custom_property_values delete dependabot_alert deploy_key deployment
    deployment_protection_rule deployment_review deployment_status discussion discussion_comment fork
    github_app_authorization gollum installation installation_repositories installation_target issue_comment
    issue_dependencies issues label marketplace_purchase member membership merge_group meta milestone org_block
    organization package page_build personal_access_token_request project project_card project_column projects_v2
    projects_v2_item projects_v2_status_update public pull_request pull_request_review pull_request_review_comment
    pull_request_review_thread registry_package release repository repository_advisory repository_dispatch
    repository_import repository_ruleset repository_vulnerability_alert secret_scanning_alert
    secret_scanning_alert_location secret_scanning_scan security_advisory security_and_analysis sponsorship star
    status sub_issues team team_add watch workflow_dispatch workflow_job workflow_run
"""


@pytest.mark.parametrize("event", OTHER_EVENTS.split())
def test_events_that_are_no_push_are_ignored(event: str) -> None:
    assert github.parse(event, json_of(recorded("github/issues"))) == Ignored("only push events matter")


def test_a_push_of_an_app_or_of_enterprise_server_is_one() -> None:
    told = github.parse("push", json_of(recorded("github/app-push")))
    assert told == Push(URLS, (Change("refs/heads/main", BEFORE, AFTER),))
    told = github.parse("push", json_of(recorded("github/enterprise-push")))
    assert isinstance(told, Push)
    assert told.urls[0] == "https://github.example.com/Acme/deploy"


def test_sha1_alone_proves_nothing_but_counts_as_claimed() -> None:
    delivery = changed(recorded("github/push"), x_hub_signature_256=None)
    assert github.signature(delivery)
    assert not github.verify(delivery, SECRET)


@pytest.mark.parametrize("claim", ["", "sha256=", "sha256", "sha1=" + "0" * 64, "ä", "sha256=ä", "sha256=\udcff"])
def test_a_signature_of_a_wrong_shape_is_refused(claim: str) -> None:
    assert not github.verify(changed(recorded("github/push"), x_hub_signature_256=claim), SECRET)


def test_the_bare_digest_without_its_prefix_is_refused() -> None:
    digest = recorded("github/push").header("x-hub-signature-256").removeprefix("sha256=")
    assert not github.verify(changed(recorded("github/push"), x_hub_signature_256=digest), SECRET)


@pytest.mark.parametrize("payload", [{}, {"repository": None}, {"repository": []}, {"repository": {"html_url": 7}}])
def test_a_push_without_a_repository_is_unreadable(payload: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        github.parse("push", payload)
