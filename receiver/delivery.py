"""Which Git host sent this, is it true, what does it tell: Delivery -> Verdict. Pure; a host's ways are its file's.

`HOSTS` is the only table: a new Git host is a file in `providers/` and a line here. It goes from the most specific
header down, since Forgejo also sends Gitea's headers, Gitea those of Gogs, and all of them GitHub's. A registry that
tells of pushed charts would be a line too, with a Push of `oci://` addresses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from jobs.core.errors import InvalidSpecError
from jobs.core.repository import MAX_URL, Repository
from receiver.errors import Forged, NoSecret, UnknownHost, Unreadable, Unsigned
from receiver.payload import json_of
from receiver.providers import (
    azure_devops,
    bitbucket_cloud,
    bitbucket_server,
    generic,
    gitea,
    github,
    gitlab,
    gogs,
)
from receiver.push import Delivery, Ignored, Push
from receiver.webhook_secrets import WebhookSecret, vouched, worth_trying

MAX_ID = 100
"""Characters of a delivery id or an event name that are kept."""


class Provider(Protocol):
    """What a file in `providers/` has."""

    SIGNATURE: str
    """The header that proves who sent it, for messages."""

    def signature(self, delivery: Delivery) -> str:
        """What the delivery claims as its signature or token; empty: nothing."""

    def verify(self, delivery: Delivery, secret: bytes) -> bool:
        """Whether the claim fits this secret; in constant time, over the raw bytes."""

    def parse(self, event: str, payload: Mapping[str, Any]) -> Push | Ignored:
        """What a verified payload tells. Raises Unreadable if it is not what the host documents."""


@dataclass(frozen=True, slots=True)
class Host:
    """A Git host: how it is recognised, and who knows its ways."""

    name: str
    """In logs, metrics and docs, and whose secret it has (webhook_secrets.KEYS)."""
    title: str
    """For people."""
    known_by: tuple[str, ...]
    """One of these headers means this host."""
    event_header: str
    """Where the kind of event stands; empty: in the body, if anywhere."""
    id_headers: tuple[str, ...]
    """Where the delivery's id stands, the best first."""
    provider: Provider


HOSTS = (
    Host(
        "forgejo", "Forgejo", ("x-forgejo-event",), "x-forgejo-event", ("x-forgejo-delivery", "x-gitea-delivery"),
        gitea,
    ),
    Host("gitea", "Gitea", ("x-gitea-event",), "x-gitea-event", ("x-gitea-delivery",), gitea),
    Host("gogs", "Gogs", ("x-gogs-event",), "x-gogs-event", ("x-gogs-delivery",), gogs),
    Host("gitlab", "GitLab", ("x-gitlab-event",), "x-gitlab-event", ("idempotency-key", "x-gitlab-event-uuid"), gitlab),
    Host("github", "GitHub", ("x-github-event",), "x-github-event", ("x-github-delivery",), github),
    Host(
        "azure_devops", "Azure DevOps", ("x-vss-activityid", "x-vss-subscriptionid"), "", ("x-vss-activityid",),
        azure_devops,
    ),
    Host("bitbucket_cloud", "Bitbucket Cloud", ("x-hook-uuid",), "x-event-key", ("x-request-uuid",), bitbucket_cloud),
    Host(
        "bitbucket_server", "Bitbucket Data Center", ("x-event-key",), "x-event-key", ("x-request-id",),
        bitbucket_server,
    ),
    Host(
        "generic", "Any other host", ("x-pilothouse-event", "webhook-id", "webhook-signature", "x-hub-signature-256"),
        "x-pilothouse-event", ("webhook-id",), generic,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verified delivery means."""

    told: Push | Ignored
    repositories: tuple[Repository, ...]
    """Whom the push concerns, each name once; empty if it is ignored."""


def host_of(delivery: Delivery) -> Host:
    """The Git host by its headers. Raises UnknownHost."""
    for host in HOSTS:
        if any(map(delivery.header, host.known_by)):
            return host
    known = ", ".join(sorted({name for host in HOSTS for name in host.known_by}))
    raise UnknownHost(f"no header of a known Git host is there (one of {known})")


def id_of(host: Host, delivery: Delivery) -> str:
    """The delivery's id, cut and made plain for logs; empty if the host sent none."""
    found = next((value for name in host.id_headers if (value := delivery.header(name))), "")
    found = found[:MAX_ID]
    if found.isascii() and found.isprintable():  # every real one
        return found
    return "".join(sign for sign in found if sign.isascii() and sign.isprintable())


def judge(
    host: Host, delivery: Delivery, candidates: Sequence[WebhookSecret], *, allow_unsigned: bool = False
) -> Verdict:
    """Verify the raw bytes, and only then parse them. Raises a DeliveryError that holds nothing of the body."""
    vouching = verified(host, delivery, candidates, allow_unsigned=allow_unsigned)
    told = host.provider.parse(delivery.header(host.event_header)[:MAX_ID], json_of(delivery))
    if isinstance(told, Ignored):
        return Verdict(told, ())
    spoken_for = vouched(named_repositories(told), vouching, candidates)
    if not spoken_for:
        raise Forged("this repository has a secret of its own, or none at all, and it did not sign this delivery")
    return Verdict(told, spoken_for)


def verified(
    host: Host, delivery: Delivery, candidates: Sequence[WebhookSecret], *, allow_unsigned: bool = False
) -> tuple[WebhookSecret, ...]:
    """The secrets that fit the delivery. Raises NoSecret, Unsigned or Forged.

    Each that is worth trying is tried, whatever fits, so that time tells nothing. A signature that cannot be checked
    is refused even where unsigned deliveries are allowed: whoever signs expects to be checked. An unsigned one speaks
    for no repository that has a secret of its own, and for none at all once its host has one.
    """
    claimed = host.provider.signature(delivery)
    unsigned = allow_unsigned and not claimed and all(secret.patterns for secret in candidates)
    if not candidates and not unsigned:
        raise NoSecret(f"no webhook secret is configured for {host.name}; see the documentation of webhooks")
    tried = worth_trying(candidates, delivery.body)
    fitting = tuple(secret for secret in tried if host.provider.verify(delivery, secret.value))
    if fitting:
        return fitting
    if unsigned:
        return (WebhookSecret(b""),)
    if not claimed:
        raise Unsigned(f"the delivery carries no {host.provider.SIGNATURE} header; set the secret at the Git host")
    raise Forged(f"the {host.provider.SIGNATURE} header does not fit the configured secret")


def named_repositories(push: Push) -> tuple[Repository, ...]:
    """The different names of all addresses in the push. Raises Unreadable if none of them is an address."""
    # One odd address among several, e.g. an empty ssh_url, is left out: the others still tell.
    names = (_repository(url) for url in push.urls if len(url) <= MAX_URL)
    found = tuple(dict.fromkeys(name for name in names if name is not None))
    if not found:
        raise Unreadable("the push names no repository: none of its addresses is one")
    return found


@lru_cache(maxsize=2048)
def _repository(url: str) -> Repository | None:
    """The same few addresses come again and again, and reading one costs as much as checking a signature."""
    try:
        return Repository.of(url)
    except InvalidSpecError:
        return None
