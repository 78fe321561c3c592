"""Where the home cluster's address and credentials come from: a kubeconfig or the account of the pod.

Read here by hand, since importing any part of kubernetes_asyncio.config loads its 800 generated modules (70 MB). Only
kubeconfig users that log in by a command or an OIDC provider are left to that library (jobs/kube_auth.py).
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.errors import InvalidSpecError
from jobs.settings import SettingsError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its token and the cluster's authority."""


@dataclass(frozen=True, slots=True)
class Home:
    """The home cluster as configured. Not only credentials: some must be read again while we run."""

    credentials: ClusterCredentials
    token_file: Path | None = None
    """Read again every minute, since Kubernetes rotates the token; None: the token is in the credentials."""
    by_library: str = ""
    """Paths of the kubeconfig, when its user logs in by a command or provider; else empty."""


def configured(paths: str | None, environment: Mapping[str, str]) -> Home:
    """The kubeconfig, if one is named, else the account of the pod. Raises SettingsError."""
    return from_kubeconfig(paths) if paths else in_cluster(environment)


def in_cluster(environment: Mapping[str, str], account: Path = ACCOUNT) -> Home:
    """The account the pod runs as (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/)."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise SettingsError("KUBECONFIG: not set, and this is not a pod of a cluster: give the path of a kubeconfig")
    try:
        ca_pem = (account / "ca.crt").read_text()
    except OSError as error:
        raise SettingsError(
            f"KUBECONFIG: not set, and the pod has no service account token: {error.strerror}"
        ) from None
    address = f"[{host}]" if ":" in host else host
    return Home(ClusterCredentials(f"https://{address}:{port}", ca_pem=ca_pem), token_file=account / "token")


def from_kubeconfig(paths: str) -> Home:
    """The current context of one kubeconfig or of several, separated by colons; the first to name a thing wins.

    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
    Raises SettingsError, naming file and field.
    """
    merged = _Merged()
    for path in filter(None, paths.split(os.pathsep)):
        merged.add(Path(path))
    if not merged.context:
        raise SettingsError(f"KUBECONFIG: {paths} has no current-context: choose one with kubectl config use-context")
    context, _ = merged.named("contexts", "context", merged.context)
    cluster, where = merged.named("clusters", "cluster", str(context.get("cluster") or ""))
    user, user_where = merged.named("users", "user", str(context["user"])) if context.get("user") else ({}, where)
    try:
        return _home(paths, _Part(cluster, where), _Part(user, user_where))
    except InvalidSpecError as error:
        raise SettingsError(f"KUBECONFIG: context {merged.context}: {error.message}") from None


@dataclass(frozen=True, slots=True)
class _Part:
    """A cluster or user entry, and the folder its relative paths start from."""

    fields: Mapping[str, Any]
    folder: Path

    def text(self, name: str) -> str:
        return str(self.fields.get(name) or "")

    def pem(self, name: str) -> str:
        """`<name>-data` in base64, which wins, or the content of the file `<name>`."""
        data = self.text(f"{name}-data")
        try:
            if data:
                return base64.b64decode(data).decode()
            return (self.folder / self.text(name)).read_text() if self.text(name) else ""
        except (binascii.Error, UnicodeDecodeError):
            raise InvalidSpecError(f"{name} is not PEM") from None
        except OSError as error:
            raise InvalidSpecError(f"{name}: {error.strerror}") from None


class _Merged:
    def __init__(self) -> None:
        self.context = ""
        self._entries: dict[tuple[str, str], tuple[Mapping[str, Any], Path]] = {}

    def add(self, path: Path) -> None:
        try:
            content = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"KUBECONFIG: {path} can't be read: {getattr(error, 'strerror', 'not text')}") from None
        except yaml.YAMLError:
            raise SettingsError(f"KUBECONFIG: {path} is not YAML") from None
        if not isinstance(content, Mapping):
            raise SettingsError(f"KUBECONFIG: {path} is not a kubeconfig")
        self.context = self.context or str(content.get("current-context") or "")
        for kind in ("contexts", "clusters", "users"):
            for entry in content.get(kind) or ():
                if isinstance(entry, Mapping):
                    self._entries.setdefault((kind, str(entry.get("name"))), (entry, path.parent))

    def named(self, kind: str, key: str, name: str) -> tuple[Mapping[str, Any], Path]:
        entry, folder = self._entries.get((kind, name), ({}, Path()))
        fields = entry.get(key)
        if not isinstance(fields, Mapping):
            raise SettingsError(f"KUBECONFIG: context {self.context} names {key} {name!r}, which is not there")
        return fields, folder


def _home(paths: str, cluster: _Part, user: _Part) -> Home:
    for field in ("as", "as-uid", "as-groups", "as-user-extra"):
        if user.fields.get(field):
            # Without it we would act with more rights than the file gives.
            raise InvalidSpecError(f"user field {field} (impersonation) is not supported")
    library = bool(user.fields.get("exec") or user.fields.get("auth-provider"))
    token_file = user.folder / user.text("tokenFile") if user.text("tokenFile") else None
    credentials = ClusterCredentials(
        server=cluster.text("server").rstrip("/"),
        token="" if token_file or library else user.text("token"),
        username=user.text("username"),
        password=user.text("password"),
        ca_pem=cluster.pem("certificate-authority"),
        cert_pem=user.pem("client-certificate"),
        key_pem=user.pem("client-key"),
        insecure=cluster.fields.get("insecure-skip-tls-verify") is True,
        server_name=cluster.text("tls-server-name"),
        proxy_url=cluster.text("proxy-url"),
    )
    return Home(credentials, token_file=token_file, by_library=paths if library else "")
