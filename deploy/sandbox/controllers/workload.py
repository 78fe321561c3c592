"""What the controllers of workloads share: they hear of an owner and of all it controls, and skip those that go."""

import abc
from collections.abc import Iterator

from deploy.sandbox.controllers.controller import Ref, own_and_owners
from deploy.sandbox.state import State
from deploy.sandbox.store import Change, Stored


class Workload(abc.ABC):
    """The controller of one kind of owner; `key` is its resource."""

    key: str

    def refs(self, state: State, change: Change) -> Iterator[Ref]:
        """Each owner, and that of each object that one of them controls."""
        yield from own_and_owners(state, change, self.key)

    def reconcile(self, state: State, ref: Ref) -> float | None:
        """One step, unless the owner is gone or going."""
        stored = state.store.get(*ref)
        if stored is None or stored.obj["metadata"].get("deletionTimestamp"):
            return None
        return self.step(state, ref, stored)

    @abc.abstractmethod
    def step(self, state: State, ref: Ref, stored: Stored) -> float | None:
        """Bring the owner nearer to its wish and report; the seconds after which to look again, if any."""
