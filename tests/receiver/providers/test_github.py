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
