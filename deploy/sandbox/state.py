"""What a sandbox is made of: settings, resources, objects, addresses and tokens, in one place for all handlers."""

import datetime
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

from deploy.sandbox.kinds import Allocator
from deploy.sandbox.resources import Catalogue
from deploy.sandbox.store import Store

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Config:
    """How fast the sandbox lives, in seconds."""

    rollout_s: float = 0.2
    """A pod needs this long to become ready, and a Job's pod to end."""
    progress_deadline_s: float = 5.0
    """Upper bound for `progressDeadlineSeconds`, so that a broken image fails within a test."""
    settle_s: float = 0.02
    """Controllers react this much later: CRDs are established, namespaces finalised, garbage collected."""
    window: int = 20_000
    """Changes that are remembered for watches and continued lists; older revisions are expired (410)."""
    bookmark_s: float = 5.0
    """Idle watches that allow bookmarks get one this often (the real one: a minute)."""
    cluster_addresses: bool = True
    """LoadBalancer Services get an address."""


@dataclass(frozen=True, slots=True)
class User:
    """Who a token stands for."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, list[str]] = field(default_factory=dict)


DEFAULT_AUDIENCE = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True, slots=True)
class Token:
    """What a bearer token is good for: whose it is, at whom, and until when (Unix seconds; `None`: for ever)."""

    user: User
    audiences: tuple[str, ...] = (DEFAULT_AUDIENCE,)
    expires_at: float | None = None
    bound_to: str = ""
    """The uid of the ServiceAccount; the token dies with it."""


class State:
    """One sandbox cluster."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.catalogue = Catalogue()
        self.store = Store(config.window)
        self.allocator = Allocator()
        self.tokens: dict[str, Token] = {}
        self._random = random.Random()  # noqa: S311  # names of objects, not secrets

    def now(self) -> str:
        """The time as the API writes it: RFC 3339, whole seconds."""
        return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def new_uid(self) -> str:
        """A fresh uid."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def suffix(self) -> str:
        """Five signs to make a `generateName` unique."""
        return "".join(self._random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
