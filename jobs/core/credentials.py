"""Which credentials a repository address gets, from Argo CD's repository Secrets. Reads decoded objects, no cluster.

The Secrets and their keys: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories
How they reach Git is the business of jobs/git_access.py.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from jobs.core.errors import FetchError
from jobs.core.objects import texts

TYPE_LABEL = "argocd.argoproj.io/secret-type"
_UNSUPPORTED = (
    "githubAppPrivateKey",
    "gcpServiceAccountKey",
    "useAzureWorkloadIdentity",
    "azureServicePrincipalClientSecret",
)
"""Keys of ways to log in that need a token service: such a Secret is refused, never used without them."""
_USERINFO = re.compile(r"(?<=://)[^/@\s'\"]+(?=@)")


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in to one repository and whom to trust there. All text; empty: not given. The repr shows no value."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    """Password or token, sent by HTTP Basic."""
    bearer_token: str = field(default="", repr=False)
    ssh_private_key: str = field(default="", repr=False)
    known_hosts: str = field(default="", repr=False)
    """Lines as in ~/.ssh/known_hosts; without any, no SSH host is trusted."""
    ca: str = field(default="", repr=False)
    """PEM certificates that are trusted instead of the system's."""
    client_cert: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    no_proxy: str = ""
    insecure: bool = False
    """Any TLS certificate is accepted."""
    insecure_ignore_host_key: bool = False
    """Any SSH host key is accepted."""
    project: str = ""
    """The only AppProject that may use them; empty: every one."""

    @property
    def can_log_in(self) -> bool:
        """Whether there is anything to identify with; otherwise only whom to trust."""
        return any((self.username, self.password, self.bearer_token, self.ssh_private_key, self.client_cert))

    def hidden(self, text: str) -> str:
        """The text without any of the secrets in it, as written, as Base64 or as a part of an address."""
        text = _USERINFO.sub("***", text)
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> list[str]:
        plain = [self.password, self.bearer_token, self.ssh_private_key, self.client_key]
        plain += [
            line for key in (self.ssh_private_key, self.client_key) for line in key.splitlines() if len(line) > 20
        ]
        plain += [urlsplit(self.proxy).password or "" if "://" in self.proxy else ""]
        encoded = [form(secret) for secret in plain if secret for form in (str, _escaped, _base64)]
        basic = [_base64(f"{self.username}:{self.password}")] if self.password else []
        # The longest first, else what is left of it would stay; very short ones would only garble the message.
        return sorted({secret for secret in encoded + basic if len(secret) > 3}, key=len, reverse=True)


@dataclass(frozen=True, slots=True)
class RepositorySecret:
    """One Secret of type `repository` (for one address) or `repo-creds` (for all that begin with its address)."""

    name: str
    is_template: bool
    values: Mapping[str, str] = field(repr=False)
    """Its data, decoded."""


def repository_secret(body: Mapping[str, Any]) -> RepositorySecret | None:
    """A Secret object as the API server gives it (`data` in Base64), or None if it is none of a Git repository."""
    metadata = body.get("metadata") or {}
    kind = texts(metadata.get("labels")).get(TYPE_LABEL)
    values = {key: _decoded(value) for key, value in texts(body.get("data")).items()} | texts(body.get("stringData"))
    if (
        kind not in ("repository", "repo-creds")
        or values.get("type", "git") not in ("", "git")
        or not values.get("url")
    ):
        return None
    return RepositorySecret(str(metadata.get("name") or ""), kind == "repo-creds", values)


def credentials_for(
    url: str,
    secrets: Sequence[RepositorySecret],
    *,
    project: str = "",
    known_hosts: str = "",
    certificates: Mapping[str, str] | None = None,
) -> Credentials:
    """What an address is fetched with: its own Secret; else, or if that has nothing to log in with, the template with
    the longest address that begins it; else what the address itself holds (`https://user:token@host/...`).

    project: of the Application; a Secret of another project is not used. known_hosts: `ssh_known_hosts` of ConfigMap
    argocd-ssh-known-hosts-cm. certificates: PEM by host name, argocd-tls-certs-cm. Raises FetchError, naming the
    Secret, when it holds a way to log in that is not supported.
    """
    usable = [secret for secret in secrets if secret.values.get("project", "") in ("", project)]
    own = [secret for secret in usable if not secret.is_template and same_address(secret.values["url"], url)]
    own.sort(key=lambda secret: (not secret.values.get("project"), secret.name))  # the project's own first
    found = _read(own[0]) if own else Credentials()
    if not found.can_log_in and (template := _template(url, usable)):
        found = _filled(found, _read(template))
    if not found.can_log_in:
        username, password = _in_address(url)
        found = replace(found, username=username, password=password)
    host = _host(url)
    return replace(found, known_hosts=known_hosts, ca=(certificates or {}).get(host, ""))


def without_login(url: str) -> str:
    """The address without a password, so that it may stand in arguments, messages and the mirror."""
    parts = urlsplit(url) if "://" in url else None
    if parts is None or "@" not in parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    keeps_user = parts.scheme not in ("http", "https")  # with SSH the user is a part of the address
    netloc = f"{user.partition(':')[0]}@{host}" if keeps_user else host
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment))


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are one, by Argo CD's rule: case, `.git`, and the form of an SSH address don't count."""
    return _normal(one) == _normal(other)


def _normal(url: str) -> str:
    url = without_login(url.strip()).lower()
    if "://" not in url and re.match(r"[^/]+@[^/]+:", url):
        url = "ssh://" + url.replace(":", "/", 1)
    return url.rstrip("/").removesuffix(".git").removeprefix("ssh://")


def _template(url: str, secrets: Sequence[RepositorySecret]) -> RepositorySecret | None:
    matching = [secret for secret in secrets if secret.is_template and _begins(secret.values["url"], url)]
    return max(matching, key=lambda secret: (len(_normal(secret.values["url"])), secret.name), default=None)


def _begins(prefix: str, url: str) -> bool:
    """Whether the address begins with the prefix. The host must be whole: else `https://git.example.com` would send
    its password to `https://git.example.com.evil.org`. Argo CD compares only the text.
    """
    start, whole = _normal(prefix), _normal(url)
    if not whole.startswith(start):
        return False
    has_path = "/" in start.partition("://")[2] if "://" in start else "/" in start
    return has_path or whole[len(start) :][:1] in ("", "/", ":") or start.endswith("/")


def _filled(own: Credentials, template: Credentials) -> Credentials:
    """The template's log-in, under what the repository's own Secret says about trust and proxy."""
    return replace(
        template,
        proxy=own.proxy or template.proxy,
        no_proxy=own.no_proxy or template.no_proxy,
        insecure=own.insecure or template.insecure,
        insecure_ignore_host_key=own.insecure_ignore_host_key or template.insecure_ignore_host_key,
        project=own.project or template.project,
    )


def _read(secret: RepositorySecret) -> Credentials:
    values = secret.values
    if unsupported := [key for key in _UNSUPPORTED if values.get(key) not in (None, "", "false")]:
        raise FetchError(
            f"the repository Secret {secret.name} logs in by {unsupported[0]}, which is not supported yet: "
            "give username and password, bearerToken or sshPrivateKey instead"
        )
    return Credentials(
        username=values.get("username", ""),
        password=values.get("password", ""),
        bearer_token=values.get("bearerToken", ""),
        ssh_private_key=values.get("sshPrivateKey", ""),
        client_cert=values.get("tlsClientCertData", ""),
        client_key=values.get("tlsClientCertKey", ""),
        proxy=values.get("proxy", ""),
        no_proxy=values.get("noProxy", ""),
        insecure=values.get("insecure") == "true",
        insecure_ignore_host_key=values.get("insecureIgnoreHostKey") == "true",
        project=values.get("project", ""),
    )


def _in_address(url: str) -> tuple[str, str]:
    parts = urlsplit(url) if url.startswith(("http://", "https://")) else None
    return (unquote(parts.username or ""), unquote(parts.password or "")) if parts else ("", "")


def _host(url: str) -> str:
    """The host name, as the keys of argocd-tls-certs-cm are: without port."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _escaped(text: str) -> str:
    return quote(text, safe="")
