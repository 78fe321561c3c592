import base64
from typing import Any

import pytest

from jobs.core.credentials import (
    Credentials,
    RepositorySecret,
    credentials_for,
    repository_secret,
    same_address,
    without_login,
)
from jobs.core.errors import FetchError

URL = "https://git.example.com/shop/charts.git"


def a_secret(kind: str = "repository", name: str = "charts", **values: str) -> RepositorySecret:
    body = {
        "metadata": {"name": name, "labels": {"argocd.argoproj.io/secret-type": kind}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }
    found = repository_secret(body)
    assert found
    return found


def test_a_secret_is_read_as_the_api_server_gives_it_and_as_it_is_written() -> None:
    assert a_secret(url=URL, password="s3cret").values["password"] == "s3cret"
    labels = {"argocd.argoproj.io/secret-type": "repo-creds"}
    written = repository_secret({"metadata": {"name": "n", "labels": labels}, "stringData": {"url": URL}})
    assert written
    assert (written.is_template, written.values) == (True, {"url": URL})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metadata": {"labels": {"argocd.argoproj.io/secret-type": "cluster"}}, "stringData": {"url": URL}},
        {
            "metadata": {"labels": {"argocd.argoproj.io/secret-type": "repository"}},
            "stringData": {"url": URL, "type": "helm"},
        },
        {"metadata": {"labels": {"argocd.argoproj.io/secret-type": "repository"}}, "data": {"url": "!!"}},
        {"metadata": {"labels": 7}, "data": [1]},
    ],
)
def test_other_secrets_are_none_of_a_git_repository(body: dict[str, Any]) -> None:
    assert repository_secret(body) is None


def test_a_repository_gets_its_own_secret_however_its_address_is_written() -> None:
    secrets = [a_secret(url="https://Git.example.com/shop/charts/", username="u", password="own")]
    found = credentials_for(URL, secrets)
    assert (found.username, found.password) == ("u", "own")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("git@host:a/b.git", "ssh://git@host/a/b"),
        ("https://user:pass@host/a", "https://host/a.git"),
        (" https://HOST/a ", "https://host/A"),
    ],
)
def test_forms_of_one_address_are_the_same(one: str, other: str) -> None:
    assert same_address(one, other)


def test_https_and_ssh_are_different_addresses() -> None:
    assert not same_address("https://host/a", "ssh://host/a")


def test_the_longest_template_wins_and_only_without_an_own_log_in() -> None:
    templates = [
        a_secret("repo-creds", "short", url="https://git.example.com", password="short"),
        a_secret("repo-creds", "long", url="https://git.example.com/shop", password="long"),
        a_secret("repo-creds", "other", url="https://git.example.com/shop/charts/deeper", password="other"),
    ]
    assert credentials_for(URL, templates).password == "long"
    assert credentials_for(URL, [*templates, a_secret(url=URL, password="own")]).password == "own"


def test_an_own_secret_without_log_in_keeps_its_trust_and_takes_the_templates_log_in() -> None:
    secrets = [
        a_secret(url=URL, insecure="true", proxy="http://proxy:1"),
        a_secret("repo-creds", url="https://git.example.com", username="u", password="p"),
    ]
    found = credentials_for(URL, secrets)
    assert (found.password, found.insecure, found.proxy) == ("p", True, "http://proxy:1")


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com.evil.org/x",
        "https://git.example.com@evil.org/x",
        "https://git.example.computer/x",
        "http://git.example.com/x",
    ],
)
def test_a_template_never_sends_its_password_to_another_host(url: str) -> None:
    secrets = [a_secret("repo-creds", url="https://git.example.com", username="u", password="s3cret")]
    assert credentials_for(url, secrets).password != "s3cret"


def test_a_secret_of_one_project_is_not_for_the_others() -> None:
    secrets = [
        a_secret(name="a", url=URL, password="everybody"),
        a_secret(name="b", url=URL, password="web", project="web"),
        a_secret("repo-creds", "c", url=URL, password="c", project="web"),
    ]
    assert credentials_for(URL, secrets, project="web").password == "web"
    assert credentials_for(URL, secrets, project="web").project == "web"
    assert credentials_for(URL, secrets, project="api").password == "everybody"
    assert credentials_for(URL, secrets[1:], project="api").can_log_in is False


def test_the_address_itself_may_hold_a_log_in_which_then_leaves_it() -> None:
    url = "https://bot:p%40ss@host/a"
    found = credentials_for(url, [])
    assert (found.username, found.password) == ("bot", "p@ss")
    assert without_login(url) == "https://host/a"
    assert without_login("ssh://git:pw@host/a") == "ssh://git@host/a"
    assert without_login("git@host:a") == "git@host:a"


def test_trust_comes_from_the_config_maps_by_host() -> None:
    found = credentials_for("https://host:8443/a", [], known_hosts="k", certificates={"host": "PEM"})
    assert (found.ca, found.known_hosts) == ("PEM", "k")


@pytest.mark.parametrize("key", ["githubAppPrivateKey", "gcpServiceAccountKey", "azureServicePrincipalClientSecret"])
def test_a_log_in_that_is_not_supported_is_refused_by_name(key: str) -> None:
    with pytest.raises(FetchError, match=f"Secret charts logs in by {key}"):
        credentials_for(URL, [a_secret(url=URL, **{key: "x"})])


def test_no_secret_shows_in_the_repr() -> None:
    found = credentials_for(
        URL, [a_secret(url=URL, username="bot", password="s3cret", sshPrivateKey="KEY", proxy="http://u:pw@p")]
    )
    assert not {"bot", "s3cret", "KEY", "pw"} & set(repr(found).replace("'", " ").split())
    assert "s3cret" not in repr(a_secret(url=URL, password="s3cret"))


def test_secrets_are_hidden_in_every_form_they_take() -> None:
    found = Credentials(username="bot", password="p@ss/word", bearer_token="tok-123456", proxy="http://u:proxypw@p:1")
    basic = base64.b64encode(b"bot:p@ss/word").decode()
    text = f"p@ss/word p%40ss%2Fword {basic} tok-123456 https://a:b@host/x http://u:proxypw@p:1 proxypw"
    hidden = found.hidden(text)
    assert hidden == "*** *** *** *** https://***@host/x http://***@p:1 ***"


def test_each_line_of_a_private_key_is_hidden() -> None:
    line = "MIIEpAIBAAKCAQEA7bq1" * 3
    found = Credentials(ssh_private_key=f"-----BEGIN OPENSSH PRIVATE KEY-----\n{line}\n-----END-----\n")
    assert line not in found.hidden(f"bad key: {line}")
