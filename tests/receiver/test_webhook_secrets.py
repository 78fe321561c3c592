import pytest

from jobs.core.repository import Repository
from receiver.delivery import HOSTS
from receiver.webhook_secrets import KEYS, MAX_TRIED, WebhookSecret, all_keys, gathered, vouched, worth_trying


def values(
    host: str, own: dict[str, str], shared: dict[str, bytes], scoped: dict[str, bytes] | None = None
) -> list[bytes]:
    return [secret.value for secret in gathered(own, shared, scoped or {}).of(host)]


def test_argo_cds_keys_are_read() -> None:
    shared = {"webhook.github.secret": b"a", "webhook.gitlab.secret": b"b", "webhook.gogs.secret": b"c\n"}
    assert values("github", {}, shared) == [b"a"]
    assert values("gitlab", {}, shared) == [b"b"]
    for host in ("gogs", "gitea", "forgejo"):
        assert values(host, {}, shared) == [b"c"]
    shared = {
        "webhook.bitbucket.uuid": b"u",
        "webhook.bitbucketserver.secret": b"s",
        "webhook.azuredevops.username": b"ci",
        "webhook.azuredevops.password": b"p:w",
    }
    assert values("bitbucket_cloud", {}, shared) == [b"u"]
    assert values("bitbucket_server", {}, shared) == [b"s"]
    assert values("azure_devops", {}, shared) == [b"ci:p:w"]


def test_every_host_has_a_place_for_its_secret() -> None:
    assert KEYS.keys() == {host.name for host in HOSTS}


@pytest.mark.parametrize("key", all_keys())
def test_the_secret_of_one_host_opens_no_other_hosts_door(key: str) -> None:
    open_doors = {host for host in KEYS if values(host, {}, {key: b"x"})} | {
        host for host in KEYS if values(host, {key: "x"}, {})
    }
    own = {host for host, places in KEYS.items() if any(key in keys for keys in places)}
    assert open_doors <= own
    assert len(own) == (3 if "gogs" in key else 2 if "gitea" in key else 1)


def test_a_secret_of_its_own_shuts_the_door_to_the_one_that_stands_in() -> None:
    gogs, gitea = {"webhook.gogs.secret": b"g"}, {"webhook.gitea.secret": b"t"}
    assert values("gitea", {}, {**gogs, **gitea}) == values("forgejo", {}, {**gogs, **gitea}) == [b"t"]
    assert values("gitea", {"webhook.gitea.secret": "t"}, gogs) == [b"t"]
    assert values("gitea", {}, {**gogs, "webhook.gitea.secret": b"$missing"}) == []
    assert values("gogs", {}, {**gogs, **gitea}) == [b"g"]
    uuid = {"webhook.bitbucket.uuid": b"u"}
    assert values("bitbucket_cloud", {}, {**uuid, "webhook.bitbucket.secret": b"s"}) == [b"s"]


def test_a_login_needs_a_password_and_may_do_without_a_user() -> None:
    user, password = "webhook.azuredevops.username", "webhook.azuredevops.password"
    assert values("azure_devops", {user: "ci"}, {user: b"ci", password: b" "}) == []
    assert values("azure_devops", {password: "p"}, {}) == [b":p"]
    assert values("azure_devops", {user: "old", password: "p"}, {user: b"new", password: b"q"}) == [b"old:p", b"new:q"]


def test_a_value_of_two_lines_is_two_secrets_so_that_one_can_be_exchanged() -> None:
    shared = {"webhook.github.secret": b"old\r\n\n new \n", "webhook.gitlab.secret": b"$both", "both": b"c\nd\n"}
    own = {"webhook.github.secret": "own-old\nown-new"}
    assert values("github", own, shared) == [b"own-old", b"own-new", b"old", b"new"]
    assert values("gitlab", {}, shared) == [b"c", b"d"]
    login = {"webhook.azuredevops.username": b"ci", "webhook.azuredevops.password": b"old\nnew"}
    assert values("azure_devops", {}, login) == [b"ci:old", b"ci:new"]
    scoped = {"shop.url": b"https://h.example/a", "shop.secret": b"old\nnew\n"}
    assert values("github", {}, {}, scoped) == [b"old", b"new"]


def test_settings_and_cluster_both_count_so_that_a_secret_can_be_changed() -> None:
    assert values("github", {"webhook.github.secret": "old"}, {"webhook.github.secret": b"new"}) == [b"old", b"new"]


def test_an_empty_secret_counts_as_none() -> None:
    assert values("github", {"webhook.github.secret": ""}, {"webhook.github.secret": b" \n"}) == []


def test_a_value_may_point_into_the_two_secrets_and_nowhere_else() -> None:
    shared = {
        "webhook.github.secret": b"$shared-one",
        "shared-one": b"a",
        "webhook.gitlab.secret": b"$pilothouse-webhooks:two",
    }
    assert values("github", {}, shared, {"two": b"b"}) == [b"a"]
    assert values("gitlab", {}, shared, {"two": b"b"}) == [b"b"]
    found = gathered({}, {"webhook.github.secret": b"$cluster-prod:bearerToken"}, {})
    assert found.of("github") == ()
    assert "webhook.github.secret" in found.problems[0]
    assert "cluster-prod" not in found.problems[0]


def test_a_pointer_to_nothing_is_no_secret() -> None:
    assert gathered({}, {"webhook.github.secret": b"$missing"}, {}).of("github") == ()
    assert gathered({}, {"webhook.github.secret": b"$\xff"}, {}).of("github") == ()


def test_a_secret_of_a_repository_vouches_for_no_other() -> None:
    scoped = {
        "shop.url": b"https://github.com/acme/shop.git",
        "shop.secret": b"s",
        "all.url": b"git@github.com:infra/*",
        "all.secret": b"i",
    }
    shop, infra = sorted(gathered({}, {}, scoped).of("github"), key=lambda secret: secret.value, reverse=True)
    assert shop.is_of(Repository("github.com/acme/shop"))
    assert not shop.is_of(Repository("github.com/acme/shop2"))
    assert not shop.is_of(Repository("githubxcom/acme/shop"))
    assert infra.is_of(Repository("github.com/infra/a/b"))
    assert not infra.is_of(Repository("github.com/acme/infra"))


def test_a_repositorys_own_secret_wins_over_the_hosts() -> None:
    host, own = WebhookSecret(b"h"), WebhookSecret(b"o", ("h.example/a/own",))
    named = (Repository("h.example/a/own"), Repository("h.example/a/other"))
    assert vouched(named, (own,), (host, own)) == named[:1]
    assert vouched(named, (host,), (host, own)) == named[1:]
    assert vouched(named, (host, own), (host, own)) == named
    assert vouched(named, (host,), (host,)) == named
    assert vouched(named, (own,), (own,)) == named[:1]


def test_pairs_with_one_secret_share_a_check_and_halves_are_reported() -> None:
    urls = {"a": b"https://h.example/a", "b": b"https://h.example/b", "c": b"nonsense", "d": b"https://h.example/d"}
    scoped = {f"{name}.url": url for name, url in urls.items()} | {f"{name}.secret": b"s" for name in "abc"}
    found = gathered({}, {}, scoped)
    assert found.scoped == (WebhookSecret(b"s", ("h.example/a", "h.example/b")),)
    assert found.problems == ("pilothouse-webhooks: c.url is no repository address",)


def many(address: str, count: int) -> dict[str, bytes]:
    return {
        f"{n:03}.{part}": value
        for n in range(count)
        for part, value in (("url", address.format(n).encode()), ("secret", b"%d" % n))
    }


def test_of_many_secrets_only_those_are_tried_whose_repository_stands_in_the_body() -> None:
    pairs = many("https://h.example/team/shop-{}.git", 500)
    candidates = gathered({"webhook.github.secret": "h"}, {}, pairs).of("github")

    def tried(body: bytes) -> list[bytes]:
        return [secret.value for secret in worth_trying(candidates, body)]

    assert tried(b'{"repository": {"name": "Shop-77", "id": 78}}') == [b"h", b"77"]
    assert tried(b'{"clone_url": "https:\\/\\/h.example\\/team\\/shop-77.git"}') == [b"h", b"77"]
    assert tried(b"payload=%7B%22name%22%3A%22shop-77%22%7D") == [b"h", b"77"]
    assert tried(b'"shop-7" "x-shop-77"') == [b"h", b"7"]


def test_a_secret_whose_repository_may_be_written_otherwise_is_always_tried() -> None:
    pairs = many("https://h.example/team/shop-{}", 200) | {
        "x.url": b"https://h.example/other/*",
        "x.secret": b"glob",
        "y.url": "https://h.example/other/caf\u00e9".encode(),
        "y.secret": b"accent",
    }
    found = worth_trying(gathered({}, {}, pairs).scoped, b"{}")
    assert [secret.value for secret in found] == [b"glob", b"accent"]


def test_the_number_of_checks_for_one_delivery_is_bounded() -> None:
    found = gathered({}, {}, many("https://h.example/{}/*", 150))
    assert len(worth_trying(found.scoped, b"{}")) == MAX_TRIED
    assert found.problems
    named = gathered({}, {}, many("https://h.example/team/shop-{}", 500))
    assert len(worth_trying(named.scoped, b" ".join(b"shop-%d" % n for n in range(500)))) == MAX_TRIED
    assert not named.problems


def test_values_are_never_shown() -> None:
    found = gathered(
        {"webhook.github.secret": "planted"},
        {"webhook.gitlab.secret": b"planted"},
        {"a.url": b"https://h.example/a", "a.secret": b"planted"},
    )
    assert "planted" not in repr(found)
