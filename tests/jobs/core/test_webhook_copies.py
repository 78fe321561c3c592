"""What a repository Secret gives the receiver, and what of `pilothouse-webhooks` is whose."""

import base64
from typing import Any

import pytest

from jobs.core.errors import InvalidSpecError
from jobs.core.webhook_copies import MANAGER, Copy, copy_of, owned_data, wanted_data, without_taken
from receiver.webhook_secrets import gathered


def a_secret(kind: str = "repository", /, **data: str) -> dict[str, Any]:
    labels = {"argocd.argoproj.io/secret-type": kind}
    given = {"url": "https://git.example.com/acme/shop.git", "webhookSecret": "s", **data}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in given.items() if value}
    return {"metadata": {"name": "repo-shop", "labels": labels}, "data": encoded}


def decoded(data: dict[str, str]) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in data.items()}


def test_a_repository_gives_its_name_and_its_secret_and_nothing_else() -> None:
    body = a_secret(url="https://ada:planted@git.example.com:8443/Acme/shop.git", password="planted")
    copy = copy_of(body)
    assert copy == Copy("repo-shop", "https://git.example.com:8443/acme/shop", "s")
    assert "planted" not in str(decoded(wanted_data([copy])))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("git@git.example.com:acme/shop.git", "git.example.com/acme/shop"),
        ("ssh://git@git.example.com:2222/acme/shop", "git.example.com/acme/shop"),
        ("http://git.example.com:8080/acme/shop", "git.example.com:8080/acme/shop"),
        ("file:///srv/git/shop.git", "file:///srv/git/shop"),
        ("git@ssh.dev.azure.com:v3/org/project/repo", "dev.azure.com/org/project/repo"),
    ],
)
def test_the_receiver_reads_a_copy_as_the_secret_of_that_repository(url: str, name: str) -> None:
    copy = copy_of(a_secret(url=url, webhookSecret="old\nnew\n"))
    assert copy
    found = gathered({}, {}, decoded(wanted_data([copy])))
    assert [(secret.value, secret.patterns) for secret in found.scoped] == [(b"old", (name,)), (b"new", (name,))]
    assert not found.problems


@pytest.mark.parametrize(
    "body", [a_secret(webhookSecret=""), a_secret(webhookSecret=" \n"), a_secret("repo-creds"), a_secret(type="helm")]
)
def test_without_a_secret_or_as_a_template_it_gives_nothing(body: dict[str, Any]) -> None:
    assert copy_of(body) is None


@pytest.mark.parametrize("url", ["https://git.example.com/*", "nonsense", "ext::sh -c id"])
def test_an_address_that_is_not_one_repository_gives_no_secret(url: str) -> None:
    with pytest.raises(InvalidSpecError):
        copy_of(a_secret(url=url))


def test_long_names_of_secrets_make_different_keys_that_fit() -> None:
    names = ["x" * 253, "x" * 252 + "y"]
    keys = wanted_data(Copy(name, "https://h.example/a", "s") for name in names)
    assert len(keys) == 4
    assert all(len(key) <= 253 for key in keys)


def live(*, ours: dict[str, str], theirs: dict[str, str]) -> dict[str, Any]:
    fields = {"f:data": {".": {}, **{f"f:{key}": {} for key in ours}}}
    entry = {"manager": MANAGER, "operation": "Apply", "fieldsV1": fields}
    other = {
        "manager": "kubectl",
        "operation": "Update",
        "fieldsV1": {"f:data": {f"f:{key}": {} for key in theirs}},
    }
    return {"metadata": {"managedFields": [entry, other]}, "data": {**ours, **theirs}}


def test_only_keys_that_the_worker_applied_are_its_own() -> None:
    secret = live(ours={"repository.a.url": "dQ==", "repository.a.secret": "cw=="}, theirs={"shop.url": "eA=="})
    assert owned_data(secret) == {"repository.a.url": "dQ==", "repository.a.secret": "cw=="}
    assert owned_data({"data": {"a": "b"}}) == {}


def test_a_pair_of_which_somebody_else_wrote_a_key_is_left_to_them() -> None:
    secret = live(ours={}, theirs={"repository.repo-shop.secret": "eA=="})
    copies = [Copy("repo-shop", "https://h.example/a", "s"), Copy("repo-cart", "https://h.example/b", "s")]
    assert set(without_taken(wanted_data(copies), secret)) == {
        "repository.repo-cart.url",
        "repository.repo-cart.secret",
    }


def test_the_secret_is_never_shown() -> None:
    assert "planted" not in repr(copy_of(a_secret(webhookSecret="planted")))
