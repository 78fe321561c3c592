"""How to log in to repositories: what the home namespace says, parsed once for many look-ups."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from jobs.clusters import Home
from jobs.core.credentials import Credentials, RepositorySecret, credentials_for, repository_secret

KNOWN_HOSTS, CERTIFICATES = "argocd-ssh-known-hosts-cm", "argocd-tls-certs-cm"


@dataclass(frozen=True, slots=True)
class _Parsed:
    bodies: tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]] = ((), ())
    """What the Secrets were parsed from: while the home namespace gives the same, nothing is parsed again."""
    secrets: tuple[RepositorySecret, ...] = ()


class Logins:
    """Credentials by address. A refresh asks for every Application of a repository, so a look-up must cost nothing."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._parsed = _Parsed()
        self._reads: tuple[Callable[[], Awaitable[Any]], ...] = (
            partial(home.of_type, "repository"),
            partial(home.of_type, "repo-creds"),
            partial(home.config_map, KNOWN_HOSTS),
            partial(home.config_map, CERTIFICATES),
        )

    async def at(self, url: str, project: str) -> Credentials:
        """What an address is fetched with, for Applications of this project. Raises FetchError, KubeError."""
        if not self._home.is_fresh():  # one round trip instead of four
            await asyncio.gather(*(read() for read in self._reads))
        own, templates, hosts, certificates = [await read() for read in self._reads]
        bodies = (own, templates)
        if any(one is not other for one, other in zip(bodies, self._parsed.bodies, strict=True)):
            found = (repository_secret(body) for body in (*own, *templates))
            self._parsed = _Parsed(bodies, tuple(secret for secret in found if secret is not None))
        return credentials_for(
            url,
            self._parsed.secrets,
            project=project,
            known_hosts=hosts.get("ssh_known_hosts", ""),
            certificates=certificates,
        )
