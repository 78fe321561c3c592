"""Live objects of hooks: which operation ran one, whether it still runs, and whether its own delete policy lets it go.

They are found by their marks alone, so those of a sync that nobody remembers are found, too. What becomes of them is
decided in progress.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.errors import InvalidSpecError
from jobs.core.health import HealthStatus, assess
from jobs.core.inventory import Owner, is_candidate, owned_by
from jobs.core.objects import Manifest, ObjectId, manifest_of, metadata_of, texts
from jobs.core.order import DeletePolicy, Phase, hook_of

HOOK_RUN = "pilothouse.dev/hook-run"
"""Annotation on a hook's object: `<operation>.<phase>` that created it."""


@dataclass(frozen=True, slots=True)
class LiveHook:
    """An object that some operation of this Application ran as a hook."""

    manifest: Manifest
    """The live object."""
    operation: str
    phase: str
    runs: bool
    """Whether its end was not reached; also while it is being deleted."""
    leaving: bool
    """Whether it is being deleted."""
    goes: bool
    """Whether it ended in a way for which its own delete policy says that it goes."""

    @property
    def id(self) -> ObjectId:
        """Which object."""
        return self.manifest.id


def hook_run(operation: str, phase: Phase) -> str:
    """The value of HOOK_RUN. With the phase, since a hook of two phases runs in both under one name."""
    return f"{operation}.{phase}"


def ran_as(body: Mapping[str, Any] | None) -> str:
    """The value of HOOK_RUN on an object; empty: it has none, or is not there."""
    return texts(metadata_of(body).get("annotations")).get(HOOK_RUN, "") if body else ""


def is_leaving(body: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted."""
    return bool(metadata_of(body).get("deletionTimestamp"))


def live_hooks(bodies: Iterable[Mapping[str, Any]], owner: Owner) -> tuple[LiveHook, ...]:
    """The hooks among these objects, by id. Only what carries the owner's three marks counts."""
    ours = (body for body in bodies if ran_as(body) and is_candidate(body) and owned_by(body, owner))
    return tuple(sorted((_live_hook(body) for body in ours), key=lambda hook: hook.id))


def _live_hook(body: Mapping[str, Any]) -> LiveHook:
    operation, _, phase = ran_as(body).rpartition(".")
    # Everything that is being deleted is Progressing; whether it had ended before is what counts here.
    metadata = {key: value for key, value in metadata_of(body).items() if key != "deletionTimestamp"}
    health = assess({**body, "metadata": metadata})
    status = health.status if health else HealthStatus.HEALTHY
    policy = _ENDS.get(status)
    manifest = manifest_of(body)
    return LiveHook(
        manifest,
        operation,
        phase,
        runs=policy is None,
        leaving=is_leaving(body),
        goes=policy is not None and policy in _policies(manifest),
    )


_ENDS = {HealthStatus.HEALTHY: DeletePolicy.HOOK_SUCCEEDED, HealthStatus.DEGRADED: DeletePolicy.HOOK_FAILED}
"""Health of a hook that ended, and the policy for that end."""


def _policies(manifest: Manifest) -> tuple[DeletePolicy, ...]:
    """A policy that somebody spoilt on the live object counts as none."""
    try:
        hook = hook_of(manifest)
    except InvalidSpecError:
        return ()
    return hook.delete_policies if hook else ()
