"""Where files come from: the mirror of each repository, with the credentials its address gets.

The one way into Git for everything above. What a mirror can do: jobs/mirror.py.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from jobs.core.credentials import Credentials, without_login
from jobs.core.errors import InvalidSpecError
from jobs.core.repository import Repository
from jobs.git import Git
from jobs.git_access import clear_stale, is_ssh
from jobs.mirror import Mirror
from jobs.mirror_copy import Copy
from jobs.settings import Settings
from jobs.tree_cache import TreeCache

MAX_READERS = 32
"""Mirrors that keep a process for reading; those not used longest lose theirs."""

Provider = Callable[[str, str], Awaitable[Credentials]]
"""Address and AppProject -> credentials, read from the cluster's Secrets (jobs/core/credentials.py decides)."""


class Mirrors:
    """All mirrors of this worker; several workers may share the folder."""

    def __init__(self, settings: Settings, credentials: Provider) -> None:
        self._settings = settings
        self._credentials = credentials
        self._git = Git(settings)
        self._folder = settings.data_dir / "git"
        self._trees = TreeCache()
        self._known: OrderedDict[tuple[str, str], Mirror] = OrderedDict()

    async def start(self) -> None:
        """Delete private files that a killed worker could not."""
        await asyncio.to_thread(clear_stale, self._private)

    async def at(self, url: str, *, project: str = "") -> Mirror:
        """The mirror of the repository at an address, for an Application of this project; nothing is fetched yet.

        Raises InvalidSpecError for an address that is none or whose transport is not allowed, FetchError when its
        credentials cannot be used.
        """
        name = Repository.of(url).name
        _require_allowed(url, self._settings.git_protocols)
        credentials = await self._credentials(url, project)
        # Whoever may not use these credentials must not see what was fetched with them.
        key = (without_login(url), credentials.project)
        if key not in self._known:
            self._known[key] = self._mirror(*key, name)
        self._known.move_to_end(key)
        mirror = self._known[key]
        mirror.copy.credentials = credentials
        await self._close_idle()
        return mirror

    async def close(self) -> None:
        """End all reading processes."""
        for mirror in self._known.values():
            await mirror.close()

    @property
    def _private(self) -> Path:
        return self._folder / "private"

    def _mirror(self, url: str, project: str, name: str) -> Mirror:
        # The address as written, not the repository's name: two addresses of one name may be two repositories.
        digest = hashlib.sha256(f"{project}\n{url}".encode()).hexdigest()[:24]
        readable = re.sub(r"[^a-z0-9]+", "-", name)[-60:].strip("-")
        folder = self._folder / "mirrors" / f"{readable}-{digest}.git"
        copy = Copy(git=self._git, url=url, name=name, folder=folder, private=self._private)
        return Mirror(copy, self._trees, max_bytes=self._settings.git_max_read_mb * 1_000_000)

    async def _close_idle(self) -> None:
        reading = [mirror for mirror in self._known.values() if mirror.copy.objects.is_open]
        for mirror in reading[: max(0, len(reading) - MAX_READERS)]:
            await mirror.close()


def _require_allowed(url: str, protocols: tuple[str, ...]) -> None:
    """Refuse what Git must not even be asked: other transports (`ext::` runs programs), options in place of a host."""
    scheme = "ssh" if is_ssh(url) else urlsplit(url).scheme
    if scheme not in protocols:
        raise InvalidSpecError(
            f"the transport {scheme!r} of the repository address is not allowed: use {' or '.join(protocols)} "
            "(PILOTHOUSE_GIT_PROTOCOLS)"
        )
    if "://" not in url and not re.match(r"[^/:]+:[^:]", url):
        raise InvalidSpecError("the repository address must start with https:// or ssh://, or be user@host:path")
