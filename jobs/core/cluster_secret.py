"""Credentials of a cluster, and how an Argo CD cluster Secret spells them.

A Secret is data from the home cluster: it may name no file and no command, so that whoever writes one reads nothing
from the worker's disk and runs nothing in its process. Opening a connection is jobs/kube.py's.
"""

import base64
import binascii
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from jobs.core.application import IN_CLUSTER, IN_CLUSTER_NAME, SKIP_RECONCILE
from jobs.core.errors import InvalidSpecError
from jobs.core.objects import metadata_of, texts
from jobs.core.scope import Scope

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

    @property
    def says_who(self) -> bool:
        """Whether it holds anything by which the server knows us."""
        return bool(self.token or self.username or self.password or self.key_pem)

    @property
    def without_identity(self) -> "ClusterCredentials":
        """The same server, and nothing of who we are there."""
        return replace(self, token="", username="", password="", cert_pem="", key_pem="")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster, as its Secret describes it."""

    name: str
    credentials: ClusterCredentials
    scope: Scope = field(default_factory=Scope)
    project: str = ""
    """The only AppProject that may use the cluster; empty: any."""
    skipped: bool = False
    """Whether its applications are left alone for now (annotation `argocd.argoproj.io/skip-reconcile`)."""

    @property
    def server(self) -> str:
        """Its address, without a slash at its end."""
        return self.credentials.server

    @property
    def is_home(self) -> bool:
        """Whether it is the cluster where the Applications live."""
        return self.server == IN_CLUSTER

    @property
    def called(self) -> frozenset[str]:
        """Its names."""
        return frozenset({self.name} | ({IN_CLUSTER_NAME} if self.is_home else set()))

    @property
    def names(self) -> frozenset[str]:
        """All that an Application may call it: its names and its address."""
        return self.called | {self.server}


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
            scope=Scope(spaces, not spaces or data.get("clusterResources", "").strip().lower() == "true"),
            project=data.get("project", ""),
            skipped=texts(metadata_of(secret).get("annotations")).get(SKIP_RECONCILE) == "true",
        )
    except InvalidSpecError as error:
        raise InvalidSpecError(f"cluster Secret {name}: {error.message}") from None


def names_of(secret: Mapping[str, Any]) -> frozenset[str]:
    """What a cluster Secret calls its cluster, whatever else is wrong with it."""
    try:
        data = _decoded({key: value for key, value in (secret.get("data") or {}).items() if key in ("name", "server")})
    except InvalidSpecError:
        return frozenset()
    return frozenset({data.get("name", ""), data.get("server", "").strip().rstrip("/")} - {""})


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
    if parts.scheme == "http" and given.says_who and not _is_loopback(host):
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


HOME_CLUSTER = Cluster(IN_CLUSTER_NAME, ClusterCredentials(IN_CLUSTER))
"""The home cluster, unless a Secret says more of it."""
