"""The copies of webhook secrets, on API servers: the same assertions on the sandbox and on a real one."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from deploy.sandbox import Sandbox
from jobs.clusters import SECRETS
from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.webhook_copies import NAME
from jobs.kube import Kube
from jobs.webhook_copies import WebhookCopies
from tests.valkey import until

LABELS = {"argocd.argoproj.io/secret-type": "repository"}
HOME = "pilothouse"


class Secrets:
    """The Secrets of the home namespace, as a person with kubectl sees them."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self.folder = SECRETS.path(HOME)

    async def write(self, name: str, **data: str | None) -> None:
        """Create it, or change these keys; None takes one away."""
        labels = LABELS if name.startswith("repo-") else {}
        body = {"metadata": {"name": name, "labels": labels}, "data": {key: _encoded(it) for key, it in data.items()}}
        if await self.kube.get(SECRETS, HOME, name) is None:
            await self.kube.request("POST", self.folder, body=body)
        else:
            await self.kube.patch_merge(SECRETS, HOME, name, body, manager="kubectl-edit")

    async def delete(self, name: str) -> None:
        await self.kube.request("DELETE", f"{self.folder}/{name}")

    async def copies(self) -> dict[str, str]:
        """What the receiver reads."""
        found = await self.kube.get(SECRETS, HOME, NAME) or {}
        return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}

    async def until(self, wanted: dict[str, str]) -> None:
        async def is_so() -> bool:
            return await self.copies() == wanted

        try:
            await until(is_so)
        except TimeoutError:
            assert await self.copies() == wanted


def _encoded(text: str | None) -> str | None:
    return None if text is None else base64.b64encode(text.encode()).decode()


def pair(name: str, url: str, secret: str) -> dict[str, str]:
    return {f"{name}.url": url, f"{name}.secret": secret}


@asynccontextmanager
async def keeping(kube: Kube) -> AsyncIterator[None]:
    task = asyncio.create_task(WebhookCopies(kube, HOME).keep())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def secrets() -> AsyncIterator[Secrets]:
    async with Sandbox.serve() as sandbox:
        kube = Kube.at(ClusterCredentials(sandbox.url, token=sandbox.admin_token))
        await kube.request("POST", "/api/v1/namespaces", body={"metadata": {"name": HOME}})
        yield Secrets(kube)
        await kube.close()


SHOP, CART = "https://git.example.com/acme/shop", "https://git.example.com/acme/cart"


async def test_secrets_of_repositories_are_copied_changed_and_taken_away_as_they_change(secrets: Secrets) -> None:
    await secrets.write("repo-shop", url=f"{SHOP}.git", password="p", webhookSecret="one")
    async with keeping(secrets.kube):
        await secrets.until(pair("repository.repo-shop", SHOP, "one"))
        await secrets.write("repo-cart", url=CART, webhookSecret="two")
        await secrets.write("repo-shop", webhookSecret="three")
        both = pair("repository.repo-shop", SHOP, "three") | pair("repository.repo-cart", CART, "two")
        await secrets.until(both)
        await secrets.write("repo-shop", webhookSecret=None)
        await secrets.until(pair("repository.repo-cart", CART, "two"))
        await secrets.delete("repo-cart")
        await secrets.until({})


async def test_what_people_wrote_stays_as_it_is(secrets: Secrets) -> None:
    theirs = pair("by-hand", "https://git.example.com/*", "mine") | {"repository.repo-taken.url": "https://h.example/x"}
    await secrets.write(NAME, **theirs)
    await secrets.write("repo-shop", url=SHOP, webhookSecret="one")
    await secrets.write("repo-taken", url=CART, webhookSecret="two")
    async with keeping(secrets.kube):
        await secrets.until(theirs | pair("repository.repo-shop", SHOP, "one"))
        await secrets.write(NAME, **{"more.url": CART})
        await secrets.delete("repo-shop")
        await secrets.until(theirs | {"more.url": CART})


async def test_a_worker_that_starts_takes_away_what_went_while_none_ran(secrets: Secrets) -> None:
    await secrets.write("repo-shop", url=SHOP, webhookSecret="one")
    async with keeping(secrets.kube):
        await secrets.until(pair("repository.repo-shop", SHOP, "one"))
    await secrets.delete("repo-shop")
    async with keeping(secrets.kube):
        await secrets.until({})


async def test_without_anything_to_copy_no_secret_is_made(secrets: Secrets) -> None:
    await secrets.write("repo-shop", url=SHOP)
    async with keeping(secrets.kube):
        await asyncio.sleep(0)
        await WebhookCopies(secrets.kube, HOME)._copied()
    assert await secrets.kube.get(SECRETS, HOME, NAME) is None


async def test_deleted_copies_are_made_again(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.webhook_copies.AGAIN_S", 0.02)
    await secrets.write("repo-shop", url=SHOP, webhookSecret="one")
    async with keeping(secrets.kube):
        await secrets.until(pair("repository.repo-shop", SHOP, "one"))
        await secrets.delete(NAME)
        await secrets.until(pair("repository.repo-shop", SHOP, "one"))


async def test_an_unusable_address_hinders_no_other_and_no_value_is_logged(secrets: Secrets) -> None:
    with capture_logs() as lines:
        await secrets.write("repo-bad", url="https://git.example.com/*", webhookSecret="planted-one")
        await secrets.write("repo-shop", url=SHOP, webhookSecret="planted-two")
        async with keeping(secrets.kube):
            await secrets.until(pair("repository.repo-shop", SHOP, "planted-two"))
    said: Any = [line["event"] for line in lines]
    assert "webhook secret not copied" in said
    assert "planted" not in repr(lines)
