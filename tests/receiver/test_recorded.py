"""Every host's recorded deliveries tell the right push; tests/deliveries/README.md says where their shape is from."""

import pytest

from receiver.delivery import HOSTS, host_of, judge
from receiver.push import Ignored, Push
from receiver.webhook_secrets import WebhookSecret
from tests.receiver.recorded import CASES, IGNORED, NAMES, PINGS, PUSHES, changes_of, names_of, recorded, secret_of


def test_every_host_is_recorded_with_every_kind_of_push() -> None:
    assert {f"{host.name}/{kind}" for host in HOSTS for kind in PUSHES} <= set(CASES)
    assert {case.split("/")[0] for case in CASES} == NAMES.keys() == {host.name for host in HOSTS}


@pytest.mark.parametrize("case", [case for case in CASES if case not in IGNORED])
def test_a_push_of_any_kind_tells_its_changes_and_its_repository(case: str) -> None:
    delivery = recorded(case)
    verdict = judge(host_of(delivery), delivery, (WebhookSecret(secret_of(case)),))
    assert isinstance(verdict.told, Push)
    assert verdict.told.changes == changes_of(case)
    assert [repository.name for repository in verdict.repositories] == names_of(case)


@pytest.mark.parametrize("case", sorted(IGNORED))
def test_a_ping_gets_a_word_and_whatever_is_no_push_is_ignored(case: str) -> None:
    delivery = recorded(case)
    told = judge(host_of(delivery), delivery, (WebhookSecret(secret_of(case)),)).told
    assert isinstance(told, Ignored)
    assert told.ping == (case in PINGS)
    assert told.why
