import pytest

from receiver.errors import Unreadable
from receiver.payload import json_of
from receiver.providers import generic
from receiver.push import Change, Ignored, Push
from tests.receiver.recorded import AFTER, SECRET, changed, recorded

URL = "https://git.example.net/acme/deploy.git"
PUSH = Push((URL,), (Change("refs/heads/main", "", AFTER),))


@pytest.mark.parametrize("case", ["push", "push-hub"])
def test_a_push_is_verified_by_either_signature_and_read(case: str) -> None:
    delivery = recorded(f"generic/{case}")
    assert generic.verify(delivery, SECRET)
    for event in ("", "push"):
        assert generic.parse(event, json_of(delivery)) == PUSH


def test_where_both_signatures_are_the_one_with_a_time_must_fit() -> None:
    hub = recorded("generic/push-hub").header("x-hub-signature-256")
    both = changed(recorded("generic/push"), x_hub_signature_256=hub)
    assert generic.verify(both, SECRET)
    assert not generic.verify(changed(both, webhook_signature="v1,AAAA"), SECRET)
    assert not generic.verify(changed(both, webhook_signature="v1a,AAAA"), SECRET)


def test_a_ping_is_answered_and_other_events_are_ignored() -> None:
    assert generic.parse("ping", {}) == Ignored("pong", ping=True)
    assert isinstance(generic.parse("release", {"repository": URL}), Ignored)


def test_the_repository_alone_is_enough() -> None:
    assert generic.parse("", {"repository": URL}) == Push((URL,), (Change("", "", ""),))


@pytest.mark.parametrize("ref", ["main", "heads/main", "", None, 7])
def test_a_short_name_is_no_ref_since_it_may_be_a_branch_or_a_tag(ref: object) -> None:
    told = generic.parse("", {"repository": URL, "ref": ref, "after": AFTER})
    assert told == Push((URL,), (Change("", "", AFTER),))


@pytest.mark.parametrize("repository", [None, "", 7, [], {"clone_url": URL}])
def test_a_push_without_a_repository_is_unreadable(repository: object) -> None:
    with pytest.raises(Unreadable):
        generic.parse("", {"repository": repository})
