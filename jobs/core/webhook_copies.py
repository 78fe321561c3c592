"""The webhook secrets of repository Secrets, as the worker copies them for the receiver, which may read no such Secret.

Argo CD has no such key. What of it the receiver gets: the repository's name, never its address, and the secret.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.core.credentials import repository_secret
from jobs.core.errors import InvalidSpecError
from jobs.core.managed_fields import fields_owned_by
from jobs.core.repository import Repository

NAME, MANAGER = "pilothouse-webhooks", "pilothouse-webhooks"
"""The Secret of the home namespace that the receiver reads, and who owns the copies in it."""
KEY = "webhookSecret"
MAX_SECRET_NAME = 200
"""Characters; a key of a Secret has 253 at most."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What one repository Secret gives."""

    origin: str
    """Name of the repository Secret."""
    url: str
    """Repository.of gives the same repository for it, and it holds no user, password or query."""
    secret: str = field(repr=False)


def copy_of(body: Mapping[str, Any]) -> Copy | None:
    """What a Secret of type `repository` gives; None: nothing. Raises InvalidSpecError if its address is none.

    A `*` would make one repository's secret vouch for others: patterns are written into `pilothouse-webhooks` itself.
    """
    found = repository_secret(body)
    secret = found.values.get(KEY, "").strip() if found else ""
    if found is None or found.is_template or not secret:
        return None
    name = Repository.of(found.values["url"].strip()).name
    if "*" in name:
        raise InvalidSpecError(f"the repository Secret {found.name} has a {KEY}, but its address is a pattern")
    return Copy(found.name, name if name.startswith("file://") else f"https://{name}", secret)


def wanted_data(copies: Iterable[Copy]) -> dict[str, str]:
    """The data of the Secret: a pair of keys for each copy, Base64 as the API server gives it."""
    data = {}
    for copy in copies:
        for part, text in (("url", copy.url), ("secret", copy.secret)):
            data[f"{_prefix(copy.origin)}.{part}"] = base64.b64encode(text.encode()).decode()
    return data


def owned_data(live: Mapping[str, Any]) -> dict[str, str]:
    """What of a Secret's data is the worker's."""
    data = live.get("data") or {}
    owned = {path[1].removeprefix("f:") for path in fields_owned_by(live, MANAGER) if path[0] == "f:data" and path[1:]}
    return {key: value for key, value in data.items() if key in owned}


def without_taken(wanted: Mapping[str, str], live: Mapping[str, Any]) -> dict[str, str]:
    """What is wanted, but for pairs of which somebody else wrote a key: what people wrote stays as it is."""
    taken = (live.get("data") or {}).keys() - owned_data(live).keys()
    pairs = {key.rpartition(".")[0] for key in taken}
    return {key: value for key, value in wanted.items() if key.rpartition(".")[0] not in pairs}


def _prefix(origin: str) -> str:
    if len(origin) > MAX_SECRET_NAME:
        origin = f"{origin[:MAX_SECRET_NAME]}-{hashlib.sha256(origin.encode()).hexdigest()[:10]}"
    return f"repository.{origin}"
