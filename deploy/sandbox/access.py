"""Who a request comes from, and whether RBAC lets it through.

Tokens come from the table in `State`; rights from the Role, ClusterRole and binding objects that are stored.
https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy.sandbox.errors import ApiError, unauthorized
from deploy.sandbox.selectors import of_label_selector
from deploy.sandbox.state import DEFAULT_AUDIENCE, State, Token, User

Obj = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
MASTERS = "system:masters"
ANONYMOUS = User("system:anonymous", groups=("system:unauthenticated",))
ACCOUNT = "system:serviceaccount:"
ACCOUNTS, AUTHENTICATED = "system:serviceaccounts", "system:authenticated"


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody wants to do; with a `path` it is no resource but a route such as `/version`."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def authenticate(state: State, header: str | None) -> User:
    """The user of an Authorization header; none is anonymous. Raises ApiError (401) for a wrong token."""
    if header is None:
        return ANONYMOUS
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        return ANONYMOUS  # no other way to say who one is: as if nothing had been said
    token = known_token(state, text.strip())
    if token is None or DEFAULT_AUDIENCE not in token.audiences:
        raise unauthorized()
    return token.user


def known_token(state: State, text: str) -> Token | None:
    """The token's meaning, or `None` when it is unknown, over, or its account is gone."""
    token = state.tokens.get(text)
    if token is None or (token.expires_at is not None and token.expires_at <= time.time()):
        return None
    return token if not token.bound_to or state.store.of_uid(token.bound_to) is not None else None


def acting_as(state: State, user: User, name: str | None) -> User:
    """The user, or whom it acts as by the header Impersonate-User. Raises ApiError (403) unless it may."""
    if not name:
        return user
    space, _, account = name.removeprefix(ACCOUNT).partition(":")
    if not name.startswith(ACCOUNT):
        require(state, user, Action("impersonate", resource="users", name=name))
        return User(name, groups=(AUTHENTICATED,))
    require(state, user, Action("impersonate", resource="serviceaccounts", namespace=space, name=account))
    return User(name, groups=account_groups(space))


def account_groups(namespace: str) -> tuple[str, ...]:
    """The groups of every ServiceAccount of a namespace."""
    return (ACCOUNTS, f"{ACCOUNTS}:{namespace}", AUTHENTICATED)


def require(state: State, user: User, action: Action) -> None:
    """Raise ApiError (403) unless the user may."""
    if allowed(state, user, action) is not None:
        return
    if action.path:
        raise ApiError(403, "Forbidden", f'forbidden: User "{user.name}" cannot {action.verb} path "{action.path}"', {})
    qualified = f"{action.resource}.{action.group}" if action.group else action.resource
    named = f'{qualified} "{action.name}"' if action.name else qualified
    details = {"name": action.name, "group": action.group, "kind": action.resource}
    message = f"{named} is forbidden: {_refusal(user, action)}"
    raise ApiError(403, "Forbidden", message, {key: value for key, value in details.items() if value})


def _refusal(user: User, action: Action) -> str:
    what = f"{action.resource}/{action.subresource}" if action.subresource else action.resource
    where = f'in the namespace "{action.namespace}"' if action.namespace else "at the cluster scope"
    return f'User "{user.name}" cannot {action.verb} resource "{what}" in API group "{action.group}" {where}'


def allowed(state: State, user: User, action: Action) -> str | None:
    """The reason why the user may, or `None` when nothing says so."""
    if MASTERS in user.groups:
        return ""
    for kind, binding, rules in _bound(state, user, action.namespace):
        if any(_covers(rule, action) for rule in rules):
            meta, role = binding["metadata"], binding["roleRef"]
            name = f"{meta['name']}/{meta['namespace']}" if meta.get("namespace") else meta["name"]
            who = _subject_text(next(s for s in binding["subjects"] if _is_subject(s, user, meta)))
            return f'RBAC: allowed by {kind} "{name}" of {role["kind"]} "{role["name"]}" to {who}'
    return None


def _bound(state: State, user: User, namespace: str) -> Iterator[tuple[str, Obj, list[Obj]]]:
    """Bindings that name the user, with the rules of their role."""
    places = [("ClusterRoleBinding", f"{RBAC}/clusterrolebindings", "")]
    if namespace:
        places.append(("RoleBinding", f"{RBAC}/rolebindings", namespace))
    for kind, key, space in places:
        for _, _, stored in state.store.rows(key, space):
            binding = stored.obj
            if any(_is_subject(subject, user, binding["metadata"]) for subject in binding.get("subjects") or ()):
                yield kind, binding, rules_of(state, binding["roleRef"], space)


def rules_of(state: State, reference: Obj, namespace: str) -> list[Obj]:
    """The rules of the role that is referred to; an aggregated one has those of all it selects."""
    if reference["kind"] == "Role":
        role = state.store.get(f"{RBAC}/roles", namespace, reference["name"])
    else:
        role = state.store.get(f"{RBAC}/clusterroles", "", reference["name"])
    if role is None:
        return []
    rules = list(role.obj.get("rules") or ())
    for selector in (role.obj.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
        matches = of_label_selector(selector)
        for _, _, other in state.store.rows(f"{RBAC}/clusterroles"):
            if other is not role and matches(other.obj):
                rules += other.obj.get("rules") or ()
    return rules


def _is_subject(subject: Obj, user: User, meta: Obj) -> bool:
    if subject.get("kind") == "ServiceAccount":
        space = subject.get("namespace") or meta.get("namespace", "")
        return user.name == f"{ACCOUNT}{space}:{subject['name']}"
    if subject.get("kind") == "Group":
        return subject["name"] in user.groups
    return bool(subject.get("name") == user.name)


def _subject_text(subject: Obj) -> str:
    name = f"{subject['name']}/{subject['namespace']}" if subject.get("namespace") else subject["name"]
    return f'{subject["kind"]} "{name}"'


def _covers(rule: Obj, action: Action) -> bool:
    if not _has(rule.get("verbs"), action.verb):
        return False
    if action.path:
        return any(_path_matches(pattern, action.path) for pattern in rule.get("nonResourceURLs") or ())
    what = f"{action.resource}/{action.subresource}" if action.subresource else action.resource
    resources = rule.get("resources") or ()
    if not (_has(resources, what) or (action.subresource and f"*/{action.subresource}" in resources)):
        return False
    names = rule.get("resourceNames") or ()
    return _has(rule.get("apiGroups"), action.group) and (not names or action.name in names)


def _has(values: Any, wanted: str) -> bool:
    return bool(values) and ("*" in values or wanted in values)


def _path_matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
