"""Questions to the API: TokenReview, the access reviews, TokenRequest. They are answered, never stored."""

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from deploy.sandbox.access import ACCOUNT, Action, allowed, known_token
from deploy.sandbox.errors import ApiError, Problem, invalid_value, not_found
from deploy.sandbox.state import DEFAULT_AUDIENCE, State, Token, User
from deploy.sandbox.target import Target

Obj = dict[str, Any]
TOKEN_LIFE_S = 3600


def answer(state: State, target: Target, body: Obj, user: User) -> Obj | None:
    """The answered review, or `None` when the target is no review."""
    kind = target.resource.kind
    if kind == "TokenReview":
        return {**body, "status": _token_status(state, body.get("spec") or {})}
    if kind == "SelfSubjectAccessReview":
        return {**body, "status": _access_status(state, user, body.get("spec") or {})}
    if kind in ("SubjectAccessReview", "LocalSubjectAccessReview"):
        return {**body, "status": _access_status(state, _subject(kind, body), body["spec"])}
    return None


def _token_status(state: State, spec: Obj) -> Obj:
    token = known_token(state, spec.get("token", ""))
    if token is None:
        return {"user": {}, "error": "[invalid bearer token, unknown]"} if spec.get("token") else {"user": {}}
    audiences = [name for name in spec.get("audiences") or [DEFAULT_AUDIENCE] if name in token.audiences]
    if not audiences:
        return {"user": {}, "error": "[invalid bearer token, token audiences are not among those asked for]"}
    shown: Obj = {"username": token.user.name, "uid": token.user.uid, "groups": list(token.user.groups)}
    if token.user.extra:
        shown["extra"] = token.user.extra
    return {
        "authenticated": True,
        "user": {key: value for key, value in shown.items() if value},
        **({"audiences": audiences} if spec.get("audiences") else {}),
    }


def _subject(kind: str, body: Obj) -> User:
    spec = body.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        text = "at least one of user or group must be specified"
        raise _invalid(kind, invalid_value("spec.user", "", text))
    if bool(spec.get("resourceAttributes")) == bool(spec.get("nonResourceAttributes")):
        text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _invalid(kind, invalid_value("spec.resourceAttributes", "{}", text))
    return User(spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()), spec.get("extra") or {})


def _invalid(kind: str, problem: Problem) -> ApiError:
    text = f'{kind}.authorization.k8s.io "" is invalid: {problem.field}: {problem.text}'
    return ApiError(422, "Invalid", text, {"causes": [problem.cause()]})


def _access_status(state: State, user: User, spec: Obj) -> Obj:
    reason = allowed(state, user, _action(spec))
    if reason is None:
        return {"allowed": False}
    return {"allowed": True, **({"reason": reason} if reason else {})}


def _action(spec: Obj) -> Action:
    if route := spec.get("nonResourceAttributes"):
        return Action(verb=route.get("verb", ""), path=route.get("path", ""))
    about = spec.get("resourceAttributes") or {}
    return Action(
        verb=about.get("verb", ""),
        group=about.get("group", ""),
        resource=about.get("resource", ""),
        subresource=about.get("subresource", ""),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
    )


def request_token(state: State, target: Target, body: Obj) -> Obj:
    """Issue a token for a ServiceAccount (TokenRequest). Raises ApiError (404)."""
    account = state.store.get(target.resource.key, target.namespace, target.name)
    if account is None:
        raise not_found(target.resource, target.name)
    spec = body.get("spec") or {}
    life_s = int(spec.get("expirationSeconds") or TOKEN_LIFE_S)
    audiences = tuple(spec.get("audiences") or (DEFAULT_AUDIENCE,))
    text = f"sandbox-{secrets.token_urlsafe(32)}"
    expires_at = time.time() + life_s
    user = account_user(target.namespace, target.name, account.uid)
    state.tokens[text] = Token(user, audiences, expires_at, account.uid)
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": target.name, "namespace": target.namespace, "creationTimestamp": state.now()},
        "spec": {"audiences": list(audiences), "expirationSeconds": life_s, "boundObjectRef": None},
        "status": {
            "token": text,
            "expirationTimestamp": datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    }


def account_user(namespace: str, name: str, uid: str) -> User:
    """Who a ServiceAccount is as a user."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"{ACCOUNT}{namespace}:{name}", uid, groups)
