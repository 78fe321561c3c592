"""Who we are at an API server: TLS, and the Authorization header, renewed where it runs out. No requests here."""

import asyncio
import base64
import os
import ssl
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Protocol

from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.errors import InvalidSpecError, Unauthorized
from jobs.kube_config import Home
from jobs.settings import SettingsError

REREAD_S = 60.0
"""A pod's token lives an hour and is replaced after 48 minutes; once a minute is what client-go does."""
RELOGIN_S = 600.0
"""How long a token of a login command is used at most; a 401 ends it earlier."""


class Login(Protocol):
    """Gives the Authorization header of the next request."""

    async def header(self) -> str:
        """The header's value, empty for none. Raises Unauthorized when no credentials can be had."""

    def expire(self) -> bool:
        """The server said 401. True: the next header may be another one, ask once more."""


def basic(user: str, password: str) -> str:
    """The Authorization header of a user name and password (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class Fixed:
    """Credentials that do not change: token, user and password, or none (a client certificate speaks for itself)."""

    def __init__(self, credentials: ClusterCredentials) -> None:
        self._header = f"Bearer {credentials.token}" if credentials.token else ""
        if credentials.username:
            self._header = basic(credentials.username, credentials.password)

    async def header(self) -> str:
        return self._header

    def expire(self) -> bool:
        return False


class Bearer:
    """A token that somebody else showed us; it is theirs to renew."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def header(self) -> str:
        return f"Bearer {self._token}"

    def expire(self) -> bool:
        return False


class TokenFile:
    """A token in a file that somebody else replaces in time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token = ""
        self._read_at: float | None = None

    async def header(self) -> str:
        if self._read_at is None or monotonic() - self._read_at >= REREAD_S:
            try:
                self._token = (await asyncio.to_thread(self._path.read_text)).strip()
            except (OSError, UnicodeDecodeError) as error:
                raise Unauthorized(f"the token file {self._path} can't be read: {type(error).__name__}") from error
            self._read_at = monotonic()
        return f"Bearer {self._token}"

    def expire(self) -> bool:
        self._read_at = None
        return True


class LibraryLogin:
    """A kubeconfig user that logs in by a command or a provider, which kubernetes_asyncio knows how to do.

    The library itself never renews such a token, so that is done here.
    """

    def __init__(self, paths: str) -> None:
        self._paths = paths
        self._header = ""
        self._lock = asyncio.Lock()
        self._read_at: float | None = None
        self.pair: tuple[str, str] | None = None
        """Files of the client certificate and key that the login gave, if it did."""

    async def header(self) -> str:
        async with self._lock:
            if self._read_at is None or monotonic() - self._read_at >= RELOGIN_S:
                await self._log_in()
                self._read_at = monotonic()
            return self._header

    def expire(self) -> bool:
        self._read_at = None
        return True

    async def _log_in(self) -> None:
        # Lazy: 70 MB and most of a second, only for those who need it.
        from kubernetes_asyncio.client import Configuration
        from kubernetes_asyncio.config import ConfigException, load_kube_config

        configuration = Configuration()
        try:
            async with asyncio.timeout(60):
                await load_kube_config(config_file=self._paths, client_configuration=configuration)
        except (ConfigException, OSError, TimeoutError, ValueError) as error:
            # The library's words may quote what the command printed.
            raise Unauthorized(f"the login of the kubeconfig's user failed: {type(error).__name__}") from error
        self._header = await configuration.get_api_key_with_prefix("BearerToken") or ""
        if configuration.cert_file and configuration.key_file:
            self.pair = (configuration.cert_file, configuration.key_file)


async def login_of(home: Home) -> tuple[Login, ssl.SSLContext | None]:
    """The login and TLS context of the home cluster. Raises SettingsError when the certificates are unusable."""
    try:
        context = tls_context(home.credentials)
    except InvalidSpecError as error:
        raise SettingsError(f"KUBECONFIG: {error.message}") from None
    if home.by_library:
        login = LibraryLogin(home.by_library)
        await login.header()
        if login.pair and context:
            context.load_cert_chain(*login.pair)
        return login, context
    return (TokenFile(home.token_file) if home.token_file else Fixed(home.credentials)), context


def tls_context(credentials: ClusterCredentials) -> ssl.SSLContext | None:
    """The TLS context for a server; None for plain http. Raises InvalidSpecError when a certificate is unusable."""
    if not credentials.server.startswith("https:"):
        return None
    try:
        context = ssl.create_default_context(cadata=credentials.ca_pem or None)
    except (ssl.SSLError, ValueError):
        raise InvalidSpecError("the certificate authority is not PEM") from None
    # Python 3.13 begins to refuse authorities without a key identifier, which kubeadm and others make.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if credentials.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if credentials.cert_pem:
        _load_pair(context, credentials)
    return context


def _load_pair(context: ssl.SSLContext, credentials: ClusterCredentials) -> None:
    """OpenSSL takes the pair from files only; these live in memory, so the key never reaches a disk."""
    with ExitStack() as stack:
        paths = []
        for text in (credentials.cert_pem, credentials.key_pem):
            handle = os.memfd_create("pilothouse", os.MFD_CLOEXEC)
            stack.callback(os.close, handle)
            os.write(handle, text.encode())
            paths.append(f"/proc/self/fd/{handle}")
        try:
            # A password callback, or OpenSSL would ask for one on the terminal.
            context.load_cert_chain(paths[0], paths[1], password=lambda: "")
        except (ssl.SSLError, ValueError, OSError):
            raise InvalidSpecError("the client certificate and key are not a pair of PEM texts") from None
