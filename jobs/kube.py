"""The Kubernetes API, one client per cluster: objects in and out as plain mappings, failures as the KubeError tree.

A thin client on aiohttp, since the generated one's dynamic client takes a refusal for a result and costs 70 MB. Decides
nothing about objects: what to apply and what to delete comes in as arguments.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Literal, Unpack

from jobs import kube_watch
from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.discovery import ApiResource, Discovery
from jobs.core.errors import Conflict, NotFound, Refused, Unreachable
from jobs.core.objects import group_and_version
from jobs.kube_auth import Bearer, Fixed, Login, login_of, tls_context
from jobs.kube_config import configured
from jobs.kube_discovery import DiscoveryCache
from jobs.kube_errors import is_failed_test
from jobs.kube_http import OPEN, Answer, Fence, Guard, Http, Options, Preconditions
from jobs.kube_list import Listing, as_kind, listing_of
from jobs.kube_pulse import Pulse
from jobs.kube_watch import Event, Listed, Pace, Target
from jobs.settings import Settings

__all__ = ["Answer", "Event", "Guard", "Kube", "Listed", "Listing", "Pace", "Preconditions", "Propagation", "Pulse"]

Json = dict[str, Any]
Propagation = Literal["Foreground", "Background", "Orphan"]
"""What becomes of an object's dependents: deleted before it, deleted after it, left alone."""

DISCOVERY_S = 300.0
"""A CRD that appears is found anyway, since a missing kind asks again."""
RETRY_MISSING_S = 2.0
"""How old a discovery may be for its "no such kind" to be believed."""
PAGE = "500"
"""Objects of one answer of a list."""
APPLY, JSON_PATCH, MERGE_PATCH = (
    f"application/{name}" for name in ("apply-patch+yaml", "json-patch+json", "merge-patch+json")
)
PACE = Pace()
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Kube:
    """One cluster. Every method raises the KubeError tree; make it inside a running loop and close it."""

    def __init__(self, http: Http, discovery: DiscoveryCache, fence: Fence = OPEN) -> None:
        self._http = http
        self._discovery = discovery
        self._fence = fence

    @staticmethod
    async def connect(settings: Settings) -> "Kube":
        """The home cluster: the kubeconfig, or the account of the pod. Nothing is sent yet. Raises SettingsError."""
        home = await asyncio.to_thread(configured, settings.kubeconfig, os.environ)
        login, tls = await login_of(home)
        return _over(Http(home.credentials, login, tls))

    @staticmethod
    async def nobody(settings: Settings) -> "Kube":
        """The home cluster without any credentials of ours, for callers who bring their own. Raises SettingsError.

        A connection of its own: a client certificate would speak before any token that is sent along
        (https://kubernetes.io/docs/reference/access-authn-authz/authentication/).
        """
        home = await asyncio.to_thread(configured, settings.kubeconfig, os.environ)
        return Kube.at(home.credentials.without_identity)

    def speaking(self, token: str) -> "Kube":
        """This cluster over the same connections, as whoever the bearer token belongs to."""
        return Kube(self._http.speaking(Bearer(token)), self._discovery)

    @staticmethod
    def at(credentials: ClusterCredentials, login: Login | None = None, pulse: Pulse | None = None) -> "Kube":
        """A cluster by its credentials. Raises InvalidSpecError when its certificates are unusable."""
        return _over(Http(credentials, login or Fixed(credentials), tls_context(credentials), pulse))

    @property
    def server(self) -> str:
        """The API server's address."""
        return self._http.server

    def fenced(self, guard: Guard, writes_as: str = "") -> "Kube":
        """The same connections, but every write first calls the guard, which raises to forbid it.

        writes_as: a user to impersonate in them and in dry runs; reads stay our own, since such an account seldom may
        list. https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
        """
        return Kube(self._http, self._discovery, Fence(guard, writes_as))

    async def close(self) -> None:
        """Ends all connections, also those of fenced views."""
        await self._http.close()

    async def request_full(self, method: str, path: str, **options: Unpack[Options]) -> Answer:
        """One request: path starts with a slash and is quoted already; see Options for the rest."""
        return await self._http.request(method, path, self._fence, **options)

    async def request(self, method: str, path: str, **options: Unpack[Options]) -> Any:
        """The decoded JSON of one request."""
        return (await self.request_full(method, path, **options)).body

    async def discovery(self, max_age_s: float = DISCOVERY_S) -> Discovery:
        """What the cluster serves, at most max_age_s old."""
        return await self._discovery.get(max_age_s)

    def invalidate(self) -> None:
        """Forget the discovery: something that serves kinds was changed."""
        self._discovery.invalidate()

    async def version(self) -> str:
        """The server's version, e.g. `v1.36.3`."""
        return await self._discovery.version()

    async def api_resource(self, group: str, kind: str, version: str | None = None) -> ApiResource:
        """Where a kind is served. NotFound when it isn't; Unreachable when its group's own server does not answer."""
        for max_age_s in (DISCOVERY_S, RETRY_MISSING_S):
            discovery = await self.discovery(max_age_s)
            if found := discovery.find(group, kind, version):
                return found
        named = f"{group or 'core'}{f'/{version}' if version else ''}"
        if discovery.may_hide(group):
            raise Unreachable(
                f"the server behind the API group {named} does not answer: whether it has {kind} is unknown"
            )
        raise NotFound(f"the cluster has no kind {kind} in group {named}", status=404)

    async def get(
        self, resource: ApiResource, namespace: str | None, name: str, *, metadata_only: bool = False
    ) -> Json | None:
        """One object; None when it (or its kind) is not there."""
        try:
            body = await self.request("GET", resource.path(namespace, name), accept=METADATA if metadata_only else None)
        except NotFound:
            return None
        return as_kind(resource, body)

    async def list(
        self,
        resource: ApiResource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
        cached: bool = False,
    ) -> Listing:
        """All objects of a kind, in one namespace or in all.

        cached: from the API server's memory, perhaps a moment old; else as of now, which may wait for that memory.
        https://kubernetes.io/docs/reference/using-api/api-concepts/#the-resourceversion-parameter
        """
        params = _params(labelSelector=label_selector, fieldSelector=field_selector, limit=None if cached else PAGE)
        if cached:
            params["resourceVersion"] = "0"
        accept = METADATA_LIST if metadata_only else None
        path = resource.path(namespace)
        return await listing_of(resource, params, lambda page: self.request("GET", path, params=page, accept=accept))

    def watch(
        self,
        resource: ApiResource,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        metadata_only: bool = False,
        pace: Pace = PACE,
    ) -> AsyncGenerator[Event, None]:
        """Changes since a resourceVersion, for ever. Gone: list again. Close it (`aclosing`) when done with it."""
        target = _target(resource, namespace, label_selector, metadata_only=metadata_only)
        return kube_watch.watch(self._http, target, resource_version, pace)

    def follow(
        self,
        resource: ApiResource,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        metadata_only: bool = False,
        pace: Pace = PACE,
    ) -> AsyncGenerator[Listed | Event, None]:
        """A Listed with all objects, then each change, for ever, over any failure. Close it when done with it."""
        target = _target(resource, namespace, label_selector, metadata_only=metadata_only)

        async def listed() -> Listing:
            return await self.list(resource, namespace, label_selector=label_selector, metadata_only=metadata_only)

        return kube_watch.follow(self._http, target, listed, pace)

    async def apply(
        self,
        body: Mapping[str, Any],
        resource: ApiResource,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
        strict: bool = True,
    ) -> Answer:
        """Server-side apply, in the version the body names. strict: an unknown field is Refused, else dropped.

        A uid and resourceVersion in the body must be those of the live object, else Conflict.
        https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        metadata = body.get("metadata") or {}
        path = _served(body, resource).path(metadata.get("namespace"), str(metadata.get("name") or ""))
        params = _params(
            fieldManager=manager,
            force="true" if force else "false",
            fieldValidation="Strict" if strict else "Ignore",
            dryRun="All" if dry_run else None,
        )
        return await self.request_full("PATCH", path, params=params, body=body, content_type=APPLY)

    async def create(
        self, body: Mapping[str, Any], resource: ApiResource, *, manager: str, dry_run: bool = False
    ) -> Answer:
        """A new object, under its name or its `generateName`; Conflict when the name is taken."""
        path = _served(body, resource).path((body.get("metadata") or {}).get("namespace"))
        params = _params(fieldManager=manager, fieldValidation="Strict", dryRun="All" if dry_run else None)
        return await self.request_full("POST", path, params=params, body=body)

    async def patch_json(
        self,
        resource: ApiResource,
        namespace: str | None,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        manager: str,
        dry_run: bool = False,
    ) -> Answer:
        """A JSON patch (RFC 6902). Conflict when a `test` in it fails."""
        params = _params(fieldManager=manager, dryRun="All" if dry_run else None)
        path = resource.path(namespace, name)
        try:
            return await self.request_full("PATCH", path, params=params, body=operations, content_type=JSON_PATCH)
        except Refused as error:
            if is_failed_test(error, operations):
                raise Conflict(error.message, status=error.status, reason=error.reason) from error
            raise

    async def patch_merge(
        self,
        resource: ApiResource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        manager: str,
        dry_run: bool = False,
    ) -> Answer:
        """A JSON merge patch (RFC 7386)."""
        params = _params(fieldManager=manager, dryRun="All" if dry_run else None)
        path = resource.path(namespace, name)
        return await self.request_full("PATCH", path, params=params, body=body, content_type=MERGE_PATCH)

    async def delete(
        self,
        resource: ApiResource,
        namespace: str | None,
        name: str,
        *,
        preconditions: Preconditions,
        propagation: Propagation = "Foreground",
        dry_run: bool = False,
    ) -> Json | None:
        """Deletes one object, or begins to; None when it is not there. Conflict when a precondition fails."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        options["preconditions"] = _params(uid=preconditions.uid, resourceVersion=preconditions.resource_version)
        if dry_run:
            options["dryRun"] = ["All"]
        try:
            body: Json = await self.request("DELETE", resource.path(namespace, name), body=options)
        except NotFound:
            return None
        return body


def _over(http: Http) -> Kube:
    return Kube(http, DiscoveryCache(http))


def _params(**given: str | None) -> dict[str, str]:
    return {key: value for key, value in given.items() if value}


def _target(resource: ApiResource, namespace: str | None, label_selector: str | None, *, metadata_only: bool) -> Target:
    accept = METADATA if metadata_only else "application/json"
    return Target(resource, resource.path(namespace), _params(labelSelector=label_selector), accept)


def _served(body: Mapping[str, Any], resource: ApiResource) -> ApiResource:
    _, version = group_and_version(str(body.get("apiVersion") or ""))
    return resource.at(version)
