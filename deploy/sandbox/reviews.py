"""Questions to the API: TokenReview, the access reviews, TokenRequest. They are answered, never stored."""

import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from deploy.sandbox.access import ACCOUNT, Action, account_groups, allowed, known_token
from deploy.sandbox.errors import ApiError, Problem, bad_request, invalid_value, not_found
from deploy.sandbox.state import DEFAULT_AUDIENCE, State, Token, User
from deploy.sandbox.target import Target

Obj = dict[str, Any]
TOKEN_LIFE_S = 3600


def answer(state: State, target: Target, body: Obj, user: User) -> Obj | None:
    """The answered review, or `None` when the target is no review."""
    kind, spec = target.resource.kind, body.get("spec") or {}
    if kind == "TokenReview":
        status = _token_status(state, spec)
    elif kind == "SelfSubjectAccessReview":
        status = _access_status(state, user, spec)
    elif kind in ("SubjectAccessReview", "LocalSubjectAccessReview"):
        status = _access_status(state, _subject(spec), spec)
    else:
        return None
    identity = {"kind": kind, "apiVersion": target.resource.api_version, "metadata": body.get("metadata") or {}}
    return {**identity, "spec": spec, "status": status}


def _token_status(state: State, spec: Obj) -> Obj:
    if not spec.get("token"):
        raise bad_request("token is required for TokenReview in authentication")
    token = known_token(state, spec["token"])
    asked = spec.get("audiences") or [DEFAULT_AUDIENCE]
    audiences = [name for name in asked if token is not None and name in token.audiences]
    if token is None:
        return {"user": {}, "error": "invalid bearer token"}
    if not audiences:
        have, wanted = (orjson.dumps(list(names)).decode() for names in (token.audiences, asked))
        text = f"token audiences {have} is invalid for the target audiences {wanted}"
        return {"user": {}, "error": f"[invalid bearer token, {text}]" if token.bound_to else "invalid bearer token"}
    shown: Obj = {"username": token.user.name, "uid": token.user.uid, "groups": list(token.user.groups)}
    if token.user.extra:
        shown["extra"] = token.user.extra
    user = {key: value for key, value in shown.items() if value}
    return {"authenticated": True, "user": user, "audiences": audiences}


def _subject(spec: Obj) -> User:
    """Whom a review is about. Raises ApiError (422) when it doesn't say, or asks about nothing."""
    if not spec.get("user") and not spec.get("groups"):
        raise _invalid(invalid_value("spec.user", "", "at least one of user or group must be specified"))
    if bool(spec.get("resourceAttributes")) == bool(spec.get("nonResourceAttributes")):
        text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _invalid(invalid_value("spec.resourceAttributes", None, text))
    return User(spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()), spec.get("extra") or {})


def _invalid(problem: Problem) -> ApiError:
    text = f'.authorization.k8s.io "" is invalid: {problem.field}: {problem.text}'
    return ApiError(422, "Invalid", text, {"group": "authorization.k8s.io", "causes": [problem.cause()]})


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
    credential = {"authentication.kubernetes.io/credential-id": [f"JTI={state.new_uid()}"]}
    user = replace(account_user(target.namespace, target.name, account.uid), extra=credential)
    state.tokens[text] = Token(user, audiences, expires_at, account.uid)
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": target.name,
            "namespace": target.namespace,
            "uid": state.new_uid(),
            "creationTimestamp": state.now(),
        },
        "spec": {"audiences": list(audiences), "expirationSeconds": life_s, "boundObjectRef": None},
        "status": {
            "token": text,
            "expirationTimestamp": datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    }


def account_user(namespace: str, name: str, uid: str) -> User:
    """Who a ServiceAccount is as a user."""
    groups = account_groups(namespace)
    return User(f"{ACCOUNT}{namespace}:{name}", uid, groups)
