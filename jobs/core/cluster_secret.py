"""Credentials of a cluster, and how an Argo CD cluster Secret spells them.

A Secret is data from the home cluster: it may name no file and no command, so that whoever writes one reads nothing
from the worker's disk and runs nothing in its process. Opening a connection is jobs/kube.py's.
"""

import base64
import binascii
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from jobs.core.errors import InvalidSpecError

COMMANDS = ("execProviderConfig", "awsAuthConfig")
"""Keys of `config` that mean running a program to get a token."""


@dataclass(frozen=True, slots=True)
class ClusterCredentials:
    """Where an API server is and who we are there. What is secret stays out of the repr."""

    server: str
    """Base address without a slash at its end, e.g. `https://10.0.0.1:6443`; may hold a path prefix."""
    token: str = field(default="", repr=False)
    """Bearer token; empty: none."""
    username: str = ""
    password: str = field(default="", repr=False)
    ca_pem: str = field(default="", repr=False)
    """The authorities that may sign the server's certificate; empty: those of the operating system."""
    cert_pem: str = field(default="", repr=False)
    """Our client certificate, with `key_pem`; empty: none."""
    key_pem: str = field(default="", repr=False)
    insecure: bool = False
    """Take any certificate."""
    server_name: str = ""
    """Name expected in the server's certificate; empty: the host of `server`."""
    proxy_url: str = field(default="", repr=False)
    """HTTP proxy; may hold a password."""

    def __post_init__(self) -> None:
        _check_server(self)
        _check_identity(self)


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster Secret."""

    name: str
    credentials: ClusterCredentials
    namespaces: tuple[str, ...] = ()
    """Namespaces Pilothouse may touch there; empty: all."""
    cluster_resources: bool = True
    """Whether cluster-scoped objects may be touched too; only matters when `namespaces` are named."""
    project: str = ""
    """The only AppProject that may use the cluster; empty: any."""


def cluster_of(secret: Mapping[str, Any]) -> Cluster:
    """A Secret with the label `argocd.argoproj.io/secret-type: cluster`, as it comes from the API server.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#clusters
    Raises InvalidSpecError, naming Secret and key but never a value.
    """
    name = str((secret.get("metadata") or {}).get("name") or "")
    try:
        data = _decoded(secret.get("data"))
        config = _config(data.get("config", ""))
        spaces = tuple(part.strip() for part in data.get("namespaces", "").split(",") if part.strip())
        server = data.get("server", "").strip().rstrip("/")
        return Cluster(
            name=data.get("name", "") or server,
            credentials=_credentials(server, config),
            namespaces=spaces,
            cluster_resources=not spaces or data.get("clusterResources", "").strip().lower() == "true",
            project=data.get("project", ""),
        )
    except InvalidSpecError as error:
        raise InvalidSpecError(f"cluster Secret {name}: {error.message}") from None


def _decoded(data: object) -> dict[str, str]:
    return {key: _text(value, key) for key, value in (data if isinstance(data, Mapping) else {}).items()}


def _text(value: object, key: str) -> str:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidSpecError(f"{key} is not base64 of UTF-8 text") from None


def _config(text: str) -> Mapping[str, Any]:
    try:
        config = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        # The parser's words quote the text, which holds the token.
        raise InvalidSpecError("config is not JSON") from None
    if not isinstance(config, Mapping):
        raise InvalidSpecError("config must be a JSON object")
    for key in COMMANDS:
        if config.get(key):
            raise InvalidSpecError(
                f"config.{key} would run a command in Pilothouse: not allowed; use bearerToken or tlsClientConfig"
            )
    return config


def _credentials(server: str, config: Mapping[str, Any]) -> ClusterCredentials:
    tls = config.get("tlsClientConfig") or {}
    if not isinstance(tls, Mapping):
        raise InvalidSpecError("config.tlsClientConfig must be a JSON object")
    return ClusterCredentials(
        server=server,
        token=_string(config, "bearerToken"),
        username=_string(config, "username"),
        password=_string(config, "password"),
        ca_pem=_text(_string(tls, "caData"), "config.tlsClientConfig.caData"),
        cert_pem=_text(_string(tls, "certData"), "config.tlsClientConfig.certData"),
        key_pem=_text(_string(tls, "keyData"), "config.tlsClientConfig.keyData"),
        insecure=tls.get("insecure") is True,
        server_name=_string(tls, "serverName"),
        proxy_url=_string(config, "proxyUrl"),
    )


def _string(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidSpecError(f"config: {key} must be text")
    return value or ""


def _check_server(given: ClusterCredentials) -> None:
    try:
        parts = urlsplit(given.server)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise InvalidSpecError("server is not an address") from None
    if parts.scheme not in ("https", "http") or not host or parts.query or parts.fragment:
        raise InvalidSpecError("server must be an address like https://10.0.0.1:6443")
    if parts.username is not None or parts.password is not None:
        raise InvalidSpecError("server must not hold a user name or password")
    proves_itself = given.token or given.password or given.key_pem
    if parts.scheme == "http" and proves_itself and not _is_loopback(host):
        # Whoever is on the way would read the token and be us.
        raise InvalidSpecError("server must be https, or the credentials cross the network unencrypted")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_identity(given: ClusterCredentials) -> None:
    if given.insecure and given.ca_pem:
        raise InvalidSpecError("insecure and a certificate authority exclude each other")
    if bool(given.cert_pem) != bool(given.key_pem):
        raise InvalidSpecError("a client certificate needs its key, and a key its certificate")
    if given.token and given.username:
        raise InvalidSpecError("give a bearer token or a user name and password, not both")
    for value in (given.token, given.username, given.password, given.server_name):
        # A line break in a header would begin another header.
        if not value.isprintable() or not value.isascii():
            raise InvalidSpecError(
                "token, user name, password and server name must be printable ASCII, without line breaks"
            )
