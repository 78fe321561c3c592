"""Which secrets may vouch for a delivery: from the settings and from two Secrets of the home namespace. Pure.

`pilothouse-secret` has Argo CD's keys, one secret for each kind of host. `pilothouse-webhooks` has pairs `<name>.url`
and `<name>.secret`: a secret that vouches only for repositories at that address, in which `*` stands for anything, and
that wins there over the host's. A value of several lines is several secrets, so that one can be exchanged for another.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import product

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
MAX_TRIED = 100
"""Secrets that one delivery is checked with, which anybody may send: each costs another HMAC of its body."""
_WORD = re.compile(rb"[a-z0-9._-]+")
_ESCAPED = re.compile(rb"%[0-9a-f]{2}")
"""In a form, a sign that parts words."""

Data = Mapping[str, bytes]
"""A Secret's data, decoded."""


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """One secret and what it may vouch for."""

    value: bytes = field(repr=False)
    patterns: tuple[str, ...] = ()
    """Repository names, `*` for anything; empty: every repository that has no secret of its own."""
    _exact: frozenset[str] = field(init=False, repr=False, compare=False)
    _globs: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)
    _words: frozenset[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Patterns are read once: hundreds of repositories may share a secret, and each delivery asks."""
        globs = tuple(_regex(pattern) for pattern in self.patterns if "*" in pattern)
        object.__setattr__(self, "_exact", frozenset(self.patterns))
        object.__setattr__(self, "_globs", globs)
        object.__setattr__(self, "_words", _words(self.patterns))

    @property
    def is_tried_always(self) -> bool:
        """Whether no word of a body can tell that it is not the one."""
        return not self._words

    def may_be_of(self, words: Set[bytes]) -> bool:
        """Whether a body with these words, unverified, may speak of its repositories."""
        return self.is_tried_always or not self._words.isdisjoint(words)

    def is_of(self, repository: Repository) -> bool:
        """Whether it is a secret of this very repository."""
        return repository.name in self._exact or any(glob.fullmatch(repository.name) for glob in self._globs)


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


def worth_trying(candidates: Sequence[WebhookSecret], body: bytes) -> Sequence[WebhookSecret]:
    """The candidates to check a body with, MAX_TRIED at most: of many only those whose repository's name stands in it.

    The body is not parsed for that, and what is left out could not have spoken for what the body names.
    """
    if len(candidates) <= MAX_TRIED:
        return candidates
    words = set(_WORD.findall(_ESCAPED.sub(b" ", body.lower())))
    return [secret for secret in candidates if secret.may_be_of(words)][:MAX_TRIED]


def vouched(
    named: Iterable[Repository], fitting: Sequence[WebhookSecret], candidates: Sequence[WebhookSecret]
) -> tuple[Repository, ...]:
    """Those of the repositories that the fitting ones of all candidates may speak for.

    A repository's own secret wins over the host's: many know that one, and none of them shall speak for a repository
    that was given a secret of its own.
    """
    of_host = any(not secret.patterns for secret in fitting)

    def speaks_for(repository: Repository) -> bool:
        has_own = any(secret.is_of(repository) for secret in candidates)
        return any(secret.is_of(repository) for secret in fitting) if has_own else of_host

    return tuple(repository for repository in named if speaks_for(repository))


def gathered(own: Mapping[str, str], shared: Data, scoped: Data) -> WebhookSecrets:
    """The secrets from the settings (by the same keys) and from the two Secrets. An empty value counts as none."""
    problems: list[str] = []
    given = {key: tuple(_lines(own.get(key, "").encode())) for key in all_keys()}
    kept = {key: tuple(_values(key, shared, shared, scoped, problems)) for key in all_keys()}
    by_host = {}
    for host, places in KEYS.items():
        place = next((keys for keys in places if any(own.get(key) or shared.get(key, b"").strip() for key in keys)), ())
        values = [*_joined(place, given), *_joined(place, kept)]
        by_host[host] = tuple(WebhookSecret(value) for value in dict.fromkeys(values))
    return WebhookSecrets(by_host, _scoped(shared, scoped, problems), tuple(problems))


def _joined(keys: tuple[str, ...], values: Mapping[str, Sequence[bytes]]) -> Iterator[bytes]:
    """The secrets in one place; none if there is only a user without a password."""
    if keys:
        users = [values[key] or (b"",) for key in keys[:-1]]
        yield from (b":".join(parts) for parts in product(*users, values[keys[-1]]))


def _lines(text: bytes) -> Iterator[bytes]:
    """The secrets in a value: one a line, without blanks around them. An empty one counts as none."""
    return (line.strip() for line in text.splitlines() if line.strip())


def _values(key: str, data: Data, shared: Data, scoped: Data, problems: list[str]) -> Iterator[bytes]:
    """The secrets under a key; a line `$key` stands for those under that key of `pilothouse-secret`, `$name:key` for
    those in the Secret of that name.

    Only the two Secrets may be pointed at: the receiver may read no other, and should not be made to try.
    """
    for line in _lines(data.get(key, b"")):
        if not line.startswith(b"$"):
            yield line
            continue
        name, _, inner_key = line[1:].decode("utf-8", "replace").rpartition(":")
        known = {"": shared, SHARED_SECRET: shared, SCOPED_SECRET: scoped}.get(name)
        found = [*_lines(known.get(inner_key, b""))] if known is not None else []
        if not found:
            problems.append(f"{key} points to a key that is not in {SHARED_SECRET} or {SCOPED_SECRET}")
        yield from found


def _scoped(shared: Data, scoped: Data, problems: list[str]) -> tuple[WebhookSecret, ...]:
    """The pairs of `pilothouse-webhooks`; those with one secret share one check."""
    patterns: dict[bytes, list[str]] = {}
    for key in sorted(key for key in scoped if key.endswith(".url")):
        secrets = [*_values(f"{key.removesuffix('.url')}.secret", scoped, shared, scoped, problems)]
        pattern = _pattern(key, scoped[key], problems)
        for secret in secrets if pattern else ():
            patterns.setdefault(secret, []).append(pattern)
    found = tuple(WebhookSecret(value, tuple(names)) for value, names in patterns.items())
    if sum(secret.is_tried_always for secret in found) > MAX_TRIED:
        problems.append(f"{SCOPED_SECRET}: more than {MAX_TRIED} secrets for addresses that end with `*`")
    return found


def _pattern(key: str, url: bytes, problems: list[str]) -> str:
    try:
        return Repository.of(url.decode().strip()).name
    except (InvalidSpecError, UnicodeDecodeError):
        problems.append(f"{SCOPED_SECRET}: {key} is no repository address")
        return ""


def _words(patterns: Iterable[str]) -> frozenset[bytes]:
    """The last parts of the names, as they stand in a body; empty if one may stand there in another form."""
    lasts = [pattern.rpartition("/")[2].encode() for pattern in patterns]
    if not all(_WORD.fullmatch(last) for last in lasts):
        return frozenset()
    return frozenset([*lasts, *(last + b".git" for last in lasts)])


def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")))
