"""Credentials on their way to Git: environment variables and short-lived private files, never arguments.

Arguments show in `ps`, and what a mirror's config holds stays on disk; an environment is readable by our own user only.
Which credentials an address gets is decided in jobs/core/credentials.py.
"""

import asyncio
import base64
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from jobs.core.credentials import Credentials
from jobs.core.errors import FetchError

STALE_S = 3600.0
"""Seconds after which private files of a killed worker are deleted; longer than any git command may take."""
_SSH_OPTIONS = (
    # No file of the user or the machine has a say: what is trusted and who we are comes from the Secret alone.
    "-F /dev/null",
    "-o BatchMode=yes",
    "-o IdentitiesOnly=yes",
    "-o IdentityAgent=none",
    "-o GlobalKnownHostsFile=/dev/null",
    "-o ForwardAgent=no",
    "-o PermitLocalCommand=no",
    "-o ConnectTimeout=15",
    "-o ServerAliveInterval=10",
)


@asynccontextmanager
async def access(url: str, credentials: Credentials, folder: Path) -> AsyncIterator[dict[str, str]]:
    """Environment variables that let Git reach the address; the files they name live until the block ends.

    folder: private place for those files. Raises FetchError for a combination that Git cannot do.
    """
    files = _files(url, credentials)
    if not files:
        yield _environment(url, credentials, {})
        return
    place = await asyncio.to_thread(_written, files, folder)
    try:
        yield _environment(url, credentials, {name: str(place / name) for name in files})
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, place, ignore_errors=True))


def clear_stale(folder: Path) -> None:
    """Delete private files whose worker was killed before it could. Blocking."""
    for place in folder.glob("*/"):
        if time.time() - place.stat().st_mtime > STALE_S:
            shutil.rmtree(place, ignore_errors=True)


def _files(url: str, credentials: Credentials) -> dict[str, str]:
    """Content by file name."""
    if not is_ssh(url):
        tls = {"ca": credentials.ca, "cert": credentials.client_cert, "key": credentials.client_key}
        return {name: content for name, content in tls.items() if content}
    if credentials.proxy:
        raise FetchError("a proxy for SSH is not supported: take `proxy` out of the Secret, or use https")
    ssh = {"key": credentials.ssh_private_key, "known_hosts": credentials.known_hosts}
    # ssh refuses a key without a newline at its end, which YAML often strips.
    return {name: content.replace("\r\n", "\n").rstrip("\n") + "\n" for name, content in ssh.items() if content}


def _written(files: Mapping[str, str], folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=folder))  # 0700
    for name, content in files.items():
        descriptor = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
    return place


def is_ssh(url: str) -> bool:
    """Whether Git takes ssh for the address: `ssh://...` or `user@host:path`."""
    return url.startswith(("ssh://", "git+ssh://", "ssh+git://")) or "://" not in url


def _environment(url: str, credentials: Credentials, files: Mapping[str, str]) -> dict[str, str]:
    if is_ssh(url):
        return {"GIT_SSH_COMMAND": _ssh_command(credentials, files), "GIT_SSH_VARIANT": "ssh"}
    named = {"ca": "GIT_SSL_CAINFO", "cert": "GIT_SSL_CERT", "key": "GIT_SSL_KEY"}
    environment = {named[name]: path for name, path in files.items()}
    if credentials.insecure:
        environment["GIT_SSL_NO_VERIFY"] = "true"
    if credentials.no_proxy:
        environment["no_proxy"] = credentials.no_proxy
    return environment | _config(_http_config(url, credentials))


def _http_config(url: str, credentials: Credentials) -> dict[str, str]:
    config: dict[str, str] = {}
    if header := _authorization(credentials):
        # Sent at once, so that the host need not ask first, and to this host alone.
        parts = urlsplit(url)
        config[f"http.{parts.scheme}://{parts.netloc.rpartition('@')[2]}/.extraHeader"] = f"Authorization: {header}"
    if credentials.proxy:
        config["http.proxy"] = credentials.proxy
    return config


def _authorization(credentials: Credentials) -> str:
    if credentials.bearer_token:
        header = f"Bearer {credentials.bearer_token}"
    elif credentials.password:
        # Hosts that take a token as password don't read the user name, but want one.
        pair = f"{credentials.username or 'git'}:{credentials.password}"
        header = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        return ""
    if not header.isprintable():  # a line break would begin another header
        raise FetchError("the bearerToken of the repository Secret holds control characters: write it without newline")
    return header


def _config(values: Mapping[str, str]) -> dict[str, str]:
    """Git configuration by environment (https://git-scm.com/docs/git-config#ENVIRONMENT)."""
    environment = {"GIT_CONFIG_COUNT": str(len(values))} if values else {}
    for index, (key, value) in enumerate(values.items()):
        environment |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return environment


def _ssh_command(credentials: Credentials, files: Mapping[str, str]) -> str:
    """The command Git gives to a shell, hence the quoting."""
    # Without a key of ours none is offered, not even one that lies in the home of the worker's user.
    identity = files.get("key", "none")
    known = "/dev/null" if credentials.insecure_ignore_host_key else files.get("known_hosts", "/dev/null")
    strict = "no" if credentials.insecure_ignore_host_key else "yes"
    own = (
        f"-o StrictHostKeyChecking={strict}",
        f"-o UserKnownHostsFile={shlex.quote(known)}",
        f"-i {shlex.quote(identity)}",
    )
    return " ".join(("ssh", *_SSH_OPTIONS, *own))
