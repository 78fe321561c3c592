from collections.abc import Iterator

import pytest

from jobs.core.repository import Repository
from receiver import delivery as deliveries
from receiver.delivery import HOSTS, Verdict, host_of, id_of, judge, named_repositories
from receiver.errors import DeliveryError, Forged, NoSecret, UnknownHost, Unreadable, Unsigned
from receiver.payload import json_of
from receiver.push import Change, Delivery, Ignored, Push
from receiver.webhook_secrets import WebhookSecret
from tests.receiver.recorded import CASES, SECRET, changed, recorded, secret_of, signed

GLOBAL = (WebhookSecret(SECRET),)


def judged(delivery: Delivery, secrets: tuple[WebhookSecret, ...] = GLOBAL, *, allow_unsigned: bool = False) -> Verdict:
    return judge(host_of(delivery), delivery, secrets, allow_unsigned=allow_unsigned)


@pytest.mark.parametrize("case", CASES)
def test_every_recorded_delivery_is_of_its_host_and_verified(case: str) -> None:
    delivery = recorded(case)
    assert host_of(delivery).name == case.split("/")[0]
    if case not in ("generic/push-hub", "generic/ping"):  # these have no id
        assert id_of(host_of(delivery), delivery)
    assert judged(delivery, (WebhookSecret(secret_of(case)),)).told


@pytest.mark.parametrize("case", CASES)
def test_every_recorded_delivery_is_refused_under_another_secret(case: str) -> None:
    with pytest.raises((Forged, Unsigned)) as refused:
        judged(recorded(case), (WebhookSecret(b"another:one"),))
    assert refused.value.status == 401


@pytest.mark.parametrize("case", ["github/push", "gitlab/push", "gitea/push", "forgejo/push"])
def test_a_delivery_without_a_signature_is_refused(case: str) -> None:
    delivery = recorded(case)
    bare = changed(
        delivery, x_hub_signature=None, x_hub_signature_256=None, x_gitlab_token=None, x_gitea_signature=None
    )
    with pytest.raises(Unsigned):
        judged(bare)


def test_all_names_of_a_push_are_found_once_each() -> None:
    assert judged(recorded("github/push")).repositories == (Repository("github.com/acme/deploy"),)
    other_ports = Push(
        ("https://h.example:8443/a/b", "ssh://git@h.example:22/a/b.git", "nonsense"), (Change("", "", ""),)
    )
    assert named_repositories(other_ports) == (Repository("h.example:8443/a/b"), Repository("h.example/a/b"))


def test_a_push_whose_addresses_are_none_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        named_repositories(Push(("nonsense", "-x"), (Change("", "", ""),)))


@pytest.mark.parametrize(
    "headers", [{}, {"x-github-event": " "}, {"authorization": "Basic eDp5"}, {"x-hub-signature": "sha256=0"}]
)
def test_no_header_of_a_known_host_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(UnknownHost):
        host_of(Delivery(headers, b"{}"))


def test_the_most_specific_header_decides() -> None:
    order = [host.name for host in HOSTS]
    assert order.index("forgejo") < order.index("gitea") < order.index("gogs") < order.index("github")
    assert order.index("bitbucket_cloud") < order.index("bitbucket_server")
    assert order[-1] == "generic"


def test_a_host_without_a_secret_is_refused_unless_unsigned_is_allowed() -> None:
    bare = changed(recorded("github/push"), x_hub_signature=None, x_hub_signature_256=None)
    with pytest.raises(NoSecret):
        judged(bare, ())
    assert judged(bare, (), allow_unsigned=True).repositories


@pytest.mark.parametrize("case", ["github/push", "gitlab/push", "gitea/push"])
def test_a_signature_that_cannot_be_checked_is_refused_even_then(case: str) -> None:
    with pytest.raises(NoSecret):
        judged(recorded(case), (), allow_unsigned=True)


def test_the_uuid_of_a_hook_is_no_signature() -> None:
    bare = changed(recorded("bitbucket_cloud/push"), x_hub_signature=None)
    with pytest.raises(Unsigned):
        judged(bare)
    with pytest.raises(NoSecret):
        judged(bare, ())
    assert judged(bare, (), allow_unsigned=True).repositories


def test_sha1_alone_is_refused_even_where_unsigned_is_allowed() -> None:
    sha1 = changed(recorded("github/push"), x_hub_signature_256=None)
    with pytest.raises(Forged):
        judged(sha1)
    with pytest.raises(NoSecret):
        judged(sha1, (), allow_unsigned=True)


def test_unsigned_is_not_allowed_where_a_secret_is_configured() -> None:
    with pytest.raises(Unsigned):
        judged(changed(recorded("gitlab/push"), x_gitlab_token=None), allow_unsigned=True)


def test_unsigned_is_not_allowed_for_a_repository_with_a_secret_of_its_own() -> None:
    bare = changed(recorded("github/push"), x_hub_signature=None, x_hub_signature_256=None)
    other = WebhookSecret(b"s", ("github.com/acme/other",))
    assert judged(bare, (other,), allow_unsigned=True).repositories
    with pytest.raises(Unsigned):
        judged(bare, (other,))
    with pytest.raises(Forged):
        judged(bare, (WebhookSecret(b"s", ("github.com/acme/deploy",)),), allow_unsigned=True)


def test_the_hosts_secret_does_not_speak_for_a_repository_with_a_secret_of_its_own() -> None:
    own = WebhookSecret(b"own", ("github.com/acme/deploy",))
    with pytest.raises(Forged):
        judged(recorded("github/push"), (*GLOBAL, own))
    assert judged(signed(recorded("github/push"), recorded("github/push").body, b"own"), (*GLOBAL, own)).repositories


def test_the_body_is_not_parsed_before_it_is_verified() -> None:
    with pytest.raises(Forged):
        judged(changed(recorded("github/push"), body=b"[" * 100_000))


def test_a_repositorys_own_secret_cannot_speak_for_another() -> None:
    own = WebhookSecret(SECRET, ("github.com/acme/deploy",))
    assert judged(recorded("github/push"), (own,)).repositories == (Repository("github.com/acme/deploy"),)
    with pytest.raises(Forged):
        judged(recorded("github/push"), (WebhookSecret(SECRET, ("github.com/acme/other",)),))


def test_of_several_names_only_those_the_secret_covers_are_marked() -> None:
    body = b'{"repository": {"html_url": "https://a.example/x/y", "ssh_url": "git@b.example:x/y"}}'
    delivery = signed(recorded("github/push"), body)
    assert judged(delivery, (WebhookSecret(SECRET, ("a.example/*",)),)).repositories == (Repository("a.example/x/y"),)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"repository": "x"}', b'{"ref": {}}', b'{"repository": {"clone_url": "\\u0000"}}'],
)
def test_a_verified_body_of_any_shape_gives_a_clear_refusal(body: bytes) -> None:
    for host in HOSTS:
        assert answer(signed(recorded(f"{host.name}/push"), body), f"{host.name}/push") in (200, 400)


ODD = (None, 7, True, "", "x", "\u0000", [], [None], {}, {"x": 1})


def variants(value: object) -> Iterator[object]:
    """The value with each of its parts replaced by something odd, one at a time, and with each key left out."""
    yield from ODD
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        for other in variants(part):
            yield {**value, key: other} if isinstance(value, dict) else [*value[:key], other, *value[key + 1 :]]
    if isinstance(value, dict):
        yield from ({name: part for name, part in value.items() if name != key} for key in value)


@pytest.mark.parametrize("case", [case for case in CASES if case.endswith(("/push", "/several-refs", "/tag"))])
def test_any_part_of_a_payload_may_be_odd_without_an_error_of_ours(case: str) -> None:
    delivery = recorded(case)
    host = host_of(delivery)
    for payload in variants(json_of(delivery)):
        if isinstance(payload, dict):
            try:
                told = host.provider.parse(delivery.header(host.event_header), payload)
            except Unreadable:
                continue
            assert isinstance(told, Ignored) or (told.urls and told.changes)


def answer(delivery: Delivery, case: str) -> int:
    """The status it gets: refusals are expected, anything else that is raised is a bug."""
    try:
        return 200 if isinstance(judged(delivery, (WebhookSecret(secret_of(case)),)).told, Ignored) else 202
    except DeliveryError as error:
        return error.status


def test_a_delivery_id_is_made_plain() -> None:
    delivery = changed(recorded("github/push"), x_github_delivery="a\x1b[31mé" + "x" * 500)
    assert id_of(host_of(delivery), delivery) == "a[31m" + "x" * (deliveries.MAX_ID - 7)
