"""Which secrets may vouch for a delivery: from the settings and from two Secrets of the home namespace. Pure.

`pilothouse-secret` has Argo CD's keys, one secret for each kind of host. `pilothouse-webhooks` has pairs `<name>.url`
and `<name>.secret`: a secret that vouches only for repositories at that address, in which `*` stands for anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.core.errors import InvalidSpecError
from jobs.core.repository import Repository

SHARED_SECRET, SCOPED_SECRET = "pilothouse-secret", "pilothouse-webhooks"
GOGS = ("webhook.gogs.secret",)
GITEA = ("webhook.gitea.secret",)
KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "github": (("webhook.github.secret",),),
    "gitlab": (("webhook.gitlab.secret",),),
    "gogs": (GOGS,),
    "gitea": (GITEA, GOGS),
    "forgejo": (("webhook.forgejo.secret",), GITEA, GOGS),
    "bitbucket_cloud": (("webhook.bitbucket.secret",), ("webhook.bitbucket.uuid",)),
    "bitbucket_server": (("webhook.bitbucketserver.secret",),),
    "azure_devops": (("webhook.azuredevops.username", "webhook.azuredevops.password"),),
    "generic": (("webhook.generic.secret",),),
}
"""Host -> the places of its secret in `pilothouse-secret`, the best first; two keys make one login, `user:password`.

Only the first place that holds something counts: no host's own secret can be got round by another's. Argo CD keeps
Gitea's and Forgejo's secret under Gogs, and of Bitbucket Cloud it knows the UUID only.
"""
MAX_SCOPED = 100
"""Different secrets in `pilothouse-webhooks`: each costs every unverified delivery one more HMAC."""

Data = Mapping[str, bytes]
"""A Secret's data, decoded."""


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """One secret and what it may vouch for."""

    value: bytes = field(repr=False)
    patterns: tuple[str, ...] = ()
    """Repository names, `*` for anything; empty: every repository."""

    def covers(self, repository: Repository) -> bool:
        """Whether it may vouch for this repository."""
        return not self.patterns or any(_matches(pattern, repository.name) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """All secrets of this moment."""

    by_host: Mapping[str, tuple[WebhookSecret, ...]] = field(default_factory=dict)
    scoped: tuple[WebhookSecret, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be used and why, by key, never by value."""

    def of(self, host: str) -> tuple[WebhookSecret, ...]:
        """Those that may vouch for a delivery of this host."""
        return (*self.by_host.get(host, ()), *self.scoped)


def all_keys() -> tuple[str, ...]:
    """Every key of `pilothouse-secret` that may hold a webhook secret; each has a setting too."""
    return tuple(dict.fromkeys(key for places in KEYS.values() for keys in places for key in keys))


def gathered(own: Mapping[str, str], shared: Data, scoped: Data) -> WebhookSecrets:
    """The secrets from the settings (by the same keys) and from the two Secrets. An empty value counts as none."""
    problems: list[str] = []
    given = {key: own.get(key, "").encode() for key in all_keys()}
    kept = {key: _value(key, shared, scoped, problems) for key in all_keys()}
    by_host = {}
    for host, places in KEYS.items():
        place = next((keys for keys in places if any(own.get(key) or shared.get(key, b"").strip() for key in keys)), ())
        values = [_joined(place, given), _joined(place, kept)]
        by_host[host] = tuple(WebhookSecret(value) for value in dict.fromkeys(values) if value)
    return WebhookSecrets(by_host, _scoped(shared, scoped, problems), tuple(problems))


def _joined(keys: tuple[str, ...], values: Mapping[str, bytes]) -> bytes:
    """The secret in one place; empty if it is only a user without a password."""
    found = [values[key] for key in keys]
    return b":".join(found) if found and found[-1] else b""


def _value(key: str, shared: Data, scoped: Data, problems: list[str]) -> bytes:
    """The value under a key of `pilothouse-secret`, or what it points to: `$key` there, or `$name:key`.

    Only the two Secrets may be pointed at: the receiver may read no other, and should not be made to try.
    """
    value = shared.get(key, b"").strip()
    if not value.startswith(b"$"):
        return value
    name, _, inner_key = value[1:].decode("utf-8", "replace").rpartition(":")
    known = {"": shared, SHARED_SECRET: shared, SCOPED_SECRET: scoped}.get(name)
    if known is None or not known.get(inner_key, b"").strip():
        problems.append(f"{SHARED_SECRET}: {key} points to a key that is not in {SHARED_SECRET} or {SCOPED_SECRET}")
        return b""
    return known[inner_key].strip()


def _scoped(shared: Data, scoped: Data, problems: list[str]) -> tuple[WebhookSecret, ...]:
    """The pairs of `pilothouse-webhooks`; those with one secret share one check."""
    patterns: dict[bytes, list[str]] = {}
    for key in sorted(key for key in scoped if key.endswith(".url")):
        secret = _value(f"{key.removesuffix('.url')}.secret", scoped, scoped, problems)
        pattern = _pattern(key, scoped[key], problems)
        if secret and pattern:
            patterns.setdefault(secret, []).append(pattern)
    if len(patterns) > MAX_SCOPED:
        problems.append(f"{SCOPED_SECRET}: only the first {MAX_SCOPED} different secrets are used")
    return tuple(WebhookSecret(value, tuple(found)) for value, found in list(patterns.items())[:MAX_SCOPED])


def _pattern(key: str, url: bytes, problems: list[str]) -> str:
    try:
        return Repository.of(url.decode().strip()).name
    except (InvalidSpecError, UnicodeDecodeError):
        problems.append(f"{SCOPED_SECRET}: {key} is no repository address")
        return ""


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name) is not None
