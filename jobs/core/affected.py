"""Which applications a new revision concerns, and why; and whether the host's answer is older than its push."""

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.core.application import Application
from jobs.core.deployed import deployed_of
from jobs.core.run import Aim, running_key

TOGETHER_LIMIT = 2000
"""Characters of names that a mark may carry: above, a push concerns too many for them to look out for each other."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a revision means for one application."""

    application: Application
    revisions: tuple[str, ...]
    """One for each source; empty when they can't be told."""
    concerned: bool
    """Whether it must be deployed, or at least looked at."""
    new_key: bool = True
    """Whether nothing is known of this key: a former failure says nothing about it."""

    @property
    def moved(self) -> bool:
        """Whether only the revision that the status names is old."""
        return not self.concerned and compared_revisions(self.application) != self.revisions


def effect(application: Application, aim: Aim) -> Effect:
    """Compare the source key with what was deployed: only a changed key concerns the application.

    One that failed or still runs towards another key is concerned too: its status or its objects are of that one.
    """
    deployed = deployed_of(application.annotations)
    return Effect(
        application,
        aim.revisions,
        concerned=aim.key != deployed.key or bool(deployed.failed_key) or running_key(application) not in ("", aim.key),
        new_key=aim.key != deployed.failed_key,
    )


def together(effects: Iterable[Effect]) -> dict[str, str]:
    """Cluster -> the keys of all applications there that a push concerns, by comma; empty when there are too many.

    One may want what another gives up by the same push: pruning waits until they have looked at it.
    """
    keys: dict[str, list[str]] = {}
    for found in effects:
        if found.concerned:
            keys.setdefault(found.application.destination.key, []).append(found.application.key)
    texts = {cluster: ",".join(names) for cluster, names in keys.items()}
    return {cluster: text if len(text) <= TOGETHER_LIMIT else "" for cluster, text in texts.items()}


def yet_to_look(others: Iterable[Application], aim: Aim) -> tuple[str, ...]:
    """Keys of the applications whose status knows none of these revisions yet."""
    return tuple(other.key for other in others if not set(aim.revisions) & set(compared_revisions(other)))


def compared_revisions(application: Application) -> tuple[str, ...]:
    """The revisions that the status says it was compared to."""
    sync = application.status.get("sync") or {}
    return tuple(map(str, sync.get("revisions") or ([sync["revision"]] if sync.get("revision") else ())))
