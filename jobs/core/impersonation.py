"""As whom an application is synced: the service account that its AppProject names for the destination.

https://argo-cd.readthedocs.io/en/latest/operator-manual/app-sync-using-impersonation/
"""

import re
from collections.abc import Mapping

from jobs.core.application import Application
from jobs.core.cluster_secret import Cluster
from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.glob import GlobError, text_glob

FIELD = "destinationServiceAccounts"
ENABLED, ENFORCED = "application.sync.impersonation.enabled", "application.sync.impersonation.enforced"
"""Keys of the ConfigMap `argocd-cm`."""
_ACCOUNT = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?:[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
"""Namespace and name. It becomes a header, in which a line break would begin another one."""
MAX_ACCOUNT = 320
"""Characters of both; a namespace has 63 at most, a name 253."""


def account_of(
    spec: Fields, application: Application, cluster: Cluster, options: Mapping[str, str], *, enabled: bool
) -> str:
    """The user to impersonate; empty: nobody else. spec: of the project. options: the data of `argocd-cm`.

    Raises InvalidSpecError when the project asks for it and it is off, when no entry fits, or when the one that fits
    makes no sense: going on with our own rights would give the application more than its project says.
    """
    entries = spec.each(FIELD)
    if not (enabled or options.get(ENABLED) == "true"):
        if entries:
            raise InvalidSpecError(
                f"{spec.at(FIELD)} needs impersonation, which is off: set PILOTHOUSE_IMPERSONATION, "
                f"or {ENABLED} in the ConfigMap argocd-cm"
            )
        return ""
    for entry in entries:
        if _fits(entry, "server", cluster.server) and _fits(entry, "namespace", application.destination.namespace):
            return f"system:serviceaccount:{_account(entry, application)}"
    if options.get(ENFORCED) == "false":
        return ""
    where = f"server {cluster.server} and namespace {application.destination.namespace or '(none)'}"
    raise InvalidSpecError(f"{spec.at(FIELD)} names no service account for {where}")


def _fits(entry: Fields, name: str, text: str) -> bool:
    try:
        return text_glob(entry.text(name)).matches(text)
    except GlobError as error:
        raise InvalidSpecError(f"{entry.at(name)}: {error}") from None


def _account(entry: Fields, application: Application) -> str:
    """`namespace:name`; without a namespace of its own it is one of the destination's, else of the Application's."""
    written = entry.text("defaultServiceAccount")
    namespace = application.destination.namespace or application.namespace
    account = written if ":" in written else f"{namespace}:{written}"
    if not _ACCOUNT.fullmatch(account) or len(account) > MAX_ACCOUNT:
        raise InvalidSpecError(f"{entry.at('defaultServiceAccount')} and its namespace must be names of Kubernetes")
    return account
