"""The webhook a Git host sends after a push, in GitHub's shape and with its signature.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from deploy.demo.git_server import NO_COMMIT, RefUpdate

TIMEOUT_S = 10.0
"""As long as GitHub waits."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook and its answer. Times are `time.monotonic()`."""

    id: str
    update: RefUpdate
    sent_at: float
    answered_at: float
    status: int
    """HTTP status; 0: nobody answered."""
    answer: str
    """The receiver's words."""


class Hook:
    """Sends a webhook for each ref a push changed; its deliveries stay in `deliveries`, the oldest first.

    urls: asked anew each time, since both servers may move: folder name -> repository's address, and the receiver's.
    enabled: False: the host keeps silent, as one whose webhooks get lost.
    """

    def __init__(self, git_url: Callable[[str], str], receiver_url: Callable[[], str], secret: str) -> None:
        self._git_url, self._receiver_url, self._secret = git_url, receiver_url, secret
        self.enabled = True
        self.deliveries: list[Delivery] = []

    async def pushed(self, updates: tuple[RefUpdate, ...]) -> None:
        """What the Git server calls after a push."""
        for update in updates if self.enabled else ():
            await self.send(update)

    async def send(self, update: RefUpdate, *, secret: str | None = None, delivery_id: str = "") -> Delivery:
        """Send one webhook, signed with `secret` instead of the right one if it is given."""
        body = json.dumps(self.payload(update)).encode()
        delivery_id = delivery_id or str(uuid.uuid4())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/demo",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": delivery_id,
            "X-Hub-Signature-256": signature(body, self._secret if secret is None else secret),
        }
        sent_at = time.monotonic()
        status, answer = await post(f"{self._receiver_url()}/api/webhook", body, headers)
        delivery = Delivery(delivery_id, update, sent_at, time.monotonic(), status, answer)
        self.deliveries.append(delivery)
        return delivery

    def payload(self, update: RefUpdate) -> dict[str, object]:
        """The body of a push event, with the fields hosts always send."""
        url = self._git_url(update.repository)
        name = update.repository.removesuffix(".git")
        return {
            "ref": update.ref,
            "before": update.before,
            "after": update.after,
            "created": update.before == NO_COMMIT,
            "deleted": update.after == NO_COMMIT,
            "forced": False,
            "repository": {
                "name": name,
                "full_name": f"demo/{name}",
                "private": True,
                "html_url": url.removesuffix(".git"),
                "clone_url": url,
                "default_branch": "main",
            },
            "pusher": {"name": "ada", "email": "ada@example.org"},
            "commits": [],
        }


def signature(body: bytes, secret: str) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """POST; status and text of the answer. Nobody there: status 0."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
            session.post(url, data=body, headers=headers) as response,
        ):
            return response.status, await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return 0, type(error).__name__
