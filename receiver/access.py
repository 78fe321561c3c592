"""Who is this token, and may they do that: TokenReview, SubjectAccessReview. Kubernetes RBAC is the only user database.

https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aiohttp import web

from jobs.kube import Kube
from jobs.store import Applications
from receiver.errors import Forbidden, Unauthenticated

AUDIENCE = "pilothouse"
"""A token made for this audience is worthless at the API server, so CI should use one."""
CACHE_S = 10.0
"""How long an answer counts: a revoked permission works that much longer."""
CACHE_SIZE = 1_000
TIMEOUT_S = 5.0
GROUP, RESOURCE = "argoproj.io", "applications"
IMPLIED_BY = {"sync": "patch"}
"""Who may patch an Application may write its `.operation` anyway."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom the cluster says the token belongs to."""

    username: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


class Access:
    """Answers from the API server, kept for a few seconds."""

    def __init__(self, kube: Kube, nobody: Kube, *, clock: Callable[[], float] = time.monotonic) -> None:
        """kube: as the receiver itself. nobody: the same cluster without credentials. Nothing is asked yet."""
        self._kube, self._nobody = kube, nobody
        self._callers: _Cache[Caller] = _Cache(clock)
        self._answers: _Cache[bool] = _Cache(clock)

    async def caller(self, request: web.Request) -> Caller:
        """Who asks, by the bearer token. Raises Unauthenticated; KubeError if the API server doesn't answer."""
        token = _token(request)
        # Only the hash is kept: a memory dump of the receiver should hold no tokens.
        key = (hashlib.sha256(token.encode()).hexdigest(),)
        known = self._callers.get(key)
        if known is None:
            known = await self._review(token)
            self._callers.put(key, known)
        return known

    def applications_as(self, request: web.Request) -> Applications:
        """The Applications as the caller himself sees and changes them: by his own token, never by our account."""
        return Applications(self._nobody.speaking(_token(request)))

    async def require(self, caller: Caller, verb: str, namespace: str, name: str = "") -> None:
        """Raises Forbidden if the caller may not do this with the Application; no name: with those of the namespace."""
        if not await self.may(caller, verb, namespace, name):
            what = f"{namespace}/{name}" if name else f"in namespace {namespace}"
            raise Forbidden(f"{caller.username} may not {verb} {RESOURCE}.{GROUP} {what}")

    async def may(self, caller: Caller, verb: str, namespace: str, name: str = "") -> bool:
        """Whether RBAC allows it, by the verb itself or one that implies it."""
        verbs = (verb, IMPLIED_BY[verb]) if verb in IMPLIED_BY else (verb,)
        for each in verbs:
            if await self._allowed(caller, each, namespace, name):
                return True
        return False

    async def _review(self, token: str) -> Caller:
        """Asked for our own audience first, then for the API server's. Its own answer says which one it meant."""
        own = await self._token_review(token, [AUDIENCE])
        # An authenticator that knows no audiences leaves them out; then only the second question counts.
        if own.get("authenticated") is True and AUDIENCE in (own.get("audiences") or ()):
            return caller_of(own)
        general = await self._token_review(token, [])
        if general.get("authenticated") is True:
            return caller_of(general)
        raise Unauthenticated("the cluster does not know this token, or it has expired")

    async def _token_review(self, token: str, audiences: list[str]) -> Mapping[str, Any]:
        spec: dict[str, Any] = {"token": token}
        if audiences:
            spec["audiences"] = audiences
        return await self._ask("authentication.k8s.io", "TokenReview", "tokenreviews", spec)

    async def _allowed(self, caller: Caller, verb: str, namespace: str, name: str) -> bool:
        key = (caller.username, caller.uid, *caller.groups, repr(sorted(caller.extra.items())), verb, namespace, name)
        known = self._answers.get(key)
        if known is None:
            attributes = {"group": GROUP, "resource": RESOURCE, "verb": verb, "namespace": namespace}
            if name:
                attributes["name"] = name
            spec = {
                "user": caller.username,
                "uid": caller.uid,
                "groups": list(caller.groups),
                "extra": {name: list(values) for name, values in caller.extra.items()},
                "resourceAttributes": attributes,
            }
            status = await self._ask("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews", spec)
            known = status.get("allowed") is True and status.get("denied") is not True
            self._answers.put(key, known)
        return known

    async def _ask(self, group: str, kind: str, plural: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"apiVersion": f"{group}/v1", "kind": kind, "spec": spec}
        async with asyncio.timeout(TIMEOUT_S):  # over all tries of the client
            answer = await self._kube.request("POST", f"/apis/{group}/v1/{plural}", body=body, timeout_s=TIMEOUT_S)
        status = answer.get("status") if isinstance(answer, dict) else None
        return status if isinstance(status, dict) else {}


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or not token.isascii() or not token.isprintable():
        raise Unauthenticated("send a Kubernetes token: `Authorization: Bearer ...`")
    return token


def caller_of(status: Mapping[str, Any]) -> Caller:
    """The user of a TokenReview's status. Raises Unauthenticated if it names none."""
    user = status.get("user") or {}
    if not user.get("username"):
        raise Unauthenticated("the cluster knows this token, but names no user for it")
    extra = {str(name): tuple(map(str, values or ())) for name, values in (user.get("extra") or {}).items()}
    return Caller(str(user["username"]), str(user.get("uid") or ""), tuple(user.get("groups") or ()), extra)


class _Cache(Generic[V]):
    """Values for CACHE_S seconds, at most CACHE_SIZE of them; the oldest go first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[float, V]] = {}

    def get(self, key: tuple[str, ...]) -> V | None:
        until, value = self._kept.get(key, (0.0, None))
        return value if self._clock() < until else None

    def put(self, key: tuple[str, ...], value: V) -> None:
        self._kept.pop(key, None)
        while len(self._kept) >= CACHE_SIZE:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (self._clock() + CACHE_S, value)
