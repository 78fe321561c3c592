"""Deliveries from tests/deliveries, and the ways tests change them."""

import base64
import hashlib
import hmac
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient

from receiver.delivery import host_of
from receiver.push import Change, Delivery

SECRET = b"open-sesame-42"
LOGIN = b"pilothouse:open-sesame-42"
UUID = b"{0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d}"
SIGNING_TOKEN = b"whsec_" + base64.b64encode(b"open-sesame-42-open-sesame-42-42")
ROOT = Path(__file__).parent.parent / "deliveries"
CASES = sorted(str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/*/body"))

BEFORE, AFTER = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"
MAIN, TAG = Change("refs/heads/main", BEFORE, AFTER), Change("refs/tags/v1.4.2", "", AFTER)
DELETED = Change("refs/heads/feature/x", BEFORE, "")
PUSHES = {
    "push": MAIN,
    "tag": TAG,
    "branch-new": Change("refs/heads/feature/x", "", AFTER),
    "branch-deleted": DELETED,
    "force-push": MAIN,
    "empty-commit": MAIN,
    "many-commits": MAIN,
    "unicode": Change("refs/heads/größe-日本語", BEFORE, AFTER),
    "sub-path": MAIN,
}
"""What every host is recorded with -> the change in it."""
PINGS = {
    "github/ping",
    "gitea/test",
    "forgejo/test",
    "gogs/test",
    "bitbucket_server/ping",
    "azure_devops/test",
    "generic/ping",
}
IGNORED = {
    *PINGS,
    "github/issues",
    "gitlab/merge-request",
    "gitea/issues",
    "gogs/issues",
    "gogs/branch-created",
    "bitbucket_cloud/pull-request",
    "bitbucket_server/pull-request",
    "azure_devops/pull-request",
}
NAMES = {
    "github": "github.com/acme/deploy",
    "gitlab": "gitlab.example.com/platform/tools/deploy",
    "gitea": "gitea.example.com/acme/deploy",
    "forgejo": "code.example.org/acme/deploy",
    "gogs": "gogs.example.com/acme/deploy",
    "bitbucket_cloud": "bitbucket.org/acme/deploy",
    "bitbucket_server": "bitbucket.example.com/plat/deploy",
    "azure_devops": "dev.azure.com/acme/platform%20tools/deploy",
    "generic": "git.example.net/acme/deploy",
}
SUB_PATHS = {
    "github/sub-path": ["github.example.com/platform-team/deploy.charts_2"],
    "github/enterprise-push": ["github.example.com/acme/deploy"],
    "gitlab/sub-path": [
        "example.com/gitlab/platform/tools/eu/deploy.charts",
        "example.com/platform/tools/eu/deploy.charts",
    ],
    "gitea/sub-path": ["gitea.example.com/git/acme/deploy.charts", "gitea.example.com/acme/deploy.charts"],
    "forgejo/sub-path": ["code.example.org/git/acme/deploy.charts", "code.example.org/acme/deploy.charts"],
    "gogs/sub-path": ["gogs.example.com/git/acme/deploy.charts", "gogs.example.com/acme/deploy.charts"],
    "bitbucket_cloud/sub-path": ["bitbucket.org/acme/deploy.charts_2"],
    "bitbucket_server/sub-path": [
        "bitbucket.example.com/~ada/deploy.charts",
        "bitbucket.example.com/bitbucket/scm/~ada/deploy.charts",
        "bitbucket.example.com/bitbucket/users/ada/repos/deploy.charts/browse",
    ],
    "azure_devops/sub-path": ["tfs.example.com/tfs/defaultcollection/platform%20tools/_git/deploy.charts"],
    "azure_devops/unicode": ["dev.azure.com/acme/gr%C3%B6%C3%9Fe/deploy"],
    "generic/sub-path": ["git.example.net/srv/git/acme/deploy.charts"],
}
UNTOLD = {"gogs/branch-deleted": Change("refs/heads/feature/x", "", "")}
"""Gogs does not say where a deleted ref was; nobody's own form has a `before`."""
SEVERAL = {
    "gitlab/system-repository-update": (MAIN, TAG),
    "bitbucket_cloud/several-refs": (MAIN, TAG, DELETED),
    "bitbucket_server/several-refs": (MAIN, TAG, DELETED),
    "azure_devops/several-refs": (MAIN, TAG, DELETED),
    "bitbucket_cloud/no-changes": (Change("", "", ""),),
    "bitbucket_server/no-changes": (Change("", "", ""),),
    "azure_devops/no-changes": (Change("", "", ""),),
}
VARIANTS = {
    "github/push-form": MAIN,
    "github/app-push": MAIN,
    "github/enterprise-push": MAIN,
    "gitlab/push-signed": MAIN,
    "gitlab/system-push": MAIN,
    "gogs/tag-deleted": Change("refs/tags/v1.4.2", "", ""),
    "bitbucket_cloud/push-uuid": MAIN,
    "azure_devops/old-address": MAIN,
    "generic/push-hub": MAIN,
}
NOT_SIGNED = {"azure_devops", "bitbucket_cloud/push-uuid", *(c for c in CASES if c.startswith("gitlab/"))} - {
    "gitlab/push-signed"
}
"""Whose sender shows a token or password: nothing tells whether the body is the sender's."""
_SECRETS = {"azure_devops": LOGIN, "bitbucket_cloud/push-uuid": UUID, "gitlab/push-signed": SIGNING_TOKEN}
OF_HOOKS = {case for case in _SECRETS if "/" in case}
"""Whose hook has another secret than all others of its host."""


def recorded(case: str) -> Delivery:
    """A delivery as its host sends it, and when it sends it."""
    lines = (ROOT / case / "headers").read_text().splitlines()
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Delivery(headers, (ROOT / case / "body").read_bytes(), float(headers.get("webhook-timestamp", 0)))


def changes_of(case: str) -> tuple[Change, ...]:
    """What a recorded delivery must tell."""
    host, kind = case.split("/")
    if case in SEVERAL:
        return SEVERAL[case]
    expected = UNTOLD.get(case) or VARIANTS.get(case) or PUSHES[kind]
    return (replace(expected, before="") if host == "generic" else expected,)


def names_of(case: str) -> list[str]:
    """The names of the repository in a recorded delivery."""
    return SUB_PATHS.get(case, [NAMES[case.split("/")[0]]])


def secret_of(case: str) -> bytes:
    """The secret that a recorded delivery is signed with."""
    return _SECRETS.get(case, _SECRETS.get(case.split("/")[0], SECRET))


def signs(case: str) -> bool:
    """Whether the host signs the body."""
    return not {case, case.split("/")[0]} & NOT_SIGNED


def changed(delivery: Delivery, *, body: bytes | None = None, **headers: str | None) -> Delivery:
    """With another body or other headers (underscores for dashes, None takes one away); signatures stay."""
    found = dict(delivery.headers)
    for name, value in headers.items():
        found.pop(name.replace("_", "-"), None)
        if value is not None:
            found[name.replace("_", "-")] = value
    body = delivery.body if body is None else body
    return Delivery({**found, "content-length": str(len(body))}, body, delivery.received_at)


def signed(delivery: Delivery, body: bytes, secret: bytes = SECRET) -> Delivery:
    """With another body, signed as the host would; at the time of the delivery."""
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
    name = host_of(delivery).name
    headers: dict[str, str] = {}
    if "x-hub-signature-256" in delivery.headers:
        headers["x_hub_signature_256"] = f"sha256={digest}"
    if "x-hub-signature" in delivery.headers and name.startswith("bitbucket"):
        headers["x_hub_signature"] = f"sha256={digest}"
    for header in ("x-gitea-signature", "x-gogs-signature"):
        if header in delivery.headers:
            headers[header.replace("-", "_")] = digest
    if "webhook-signature" in delivery.headers:
        sent_id, timestamp = delivery.headers["webhook-id"], delivery.headers["webhook-timestamp"]
        headers["webhook_signature"] = standard_signature(sent_id, timestamp, body, secret)
    return changed(delivery, body=body, **headers)


def standard_signature(sent_id: str, timestamp: str, body: bytes, secret: bytes) -> str:
    """What Standard Webhooks sends as `webhook-signature`."""
    key = base64.b64decode(secret.removeprefix(b"whsec_")) if secret.startswith(b"whsec_") else secret
    digest = hmac.new(key, f"{sent_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def sent_at(delivery: Delivery, now: float, secret: bytes = SECRET) -> Delivery:
    """The delivery as it would be sent at that time: Standard Webhooks signs the time too."""
    if "webhook-timestamp" not in delivery.headers:
        return delivery
    return signed(changed(delivery, webhook_timestamp=str(int(now))), delivery.body, secret)


async def send(client: TestClient[Any, Any], delivery: Delivery) -> tuple[int, Any]:
    """Status and decoded body of the answer."""
    headers = {name: value for name, value in delivery.headers.items() if name not in ("host", "content-length")}
    async with client.post("/api/webhook", data=io.BytesIO(delivery.body), headers=headers) as response:
        if response.status >= 400:
            assert response.content_type == "application/problem+json"
        return response.status, await response.json(content_type=None)
