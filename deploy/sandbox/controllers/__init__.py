"""The controllers of a sandbox, and the clock that runs them: each change marks objects, each mark runs soon after."""

import asyncio
import logging
from types import TracebackType

from deploy.sandbox.controllers.autoscalers import Autoscalers
from deploy.sandbox.controllers.controller import Controller, Ref
from deploy.sandbox.controllers.crds import Crds
from deploy.sandbox.controllers.daemons import DaemonSets
from deploy.sandbox.controllers.deployments import Deployments
from deploy.sandbox.controllers.garbage import Garbage
from deploy.sandbox.controllers.jobs import Jobs
from deploy.sandbox.controllers.namespaces import Namespaces
from deploy.sandbox.controllers.pods import Pods
from deploy.sandbox.controllers.replicas import ReplicaSets
from deploy.sandbox.controllers.services import Ingresses, Services
from deploy.sandbox.controllers.stateful import StatefulSets
from deploy.sandbox.controllers.volumes import Claims
from deploy.sandbox.errors import ApiError
from deploy.sandbox.state import State
from deploy.sandbox.store import Change

__all__ = ["Controllers"]

RETRY_S = 0.1
log = logging.getLogger(__name__)


class Controllers:
    """Runs all controllers while the block lasts; none of them ever waits, so one timer each is enough."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._controllers: tuple[Controller, ...] = (
            Crds(), Namespaces(), Garbage(), Pods(), ReplicaSets(), Deployments(), StatefulSets(), DaemonSets(),
            Jobs(), Services(), Ingresses(), Claims(), Autoscalers(),
        )  # fmt: skip
        self._timers: dict[tuple[Controller, Ref], asyncio.TimerHandle] = {}

    async def __aenter__(self) -> "Controllers":
        state = self._state
        for resource in state.catalogue.stored().values():
            for _, _, stored in state.store.rows(resource.key):
                meta = stored.obj["metadata"]
                place = (resource.key, meta.get("namespace", ""), meta["name"])
                self._hear(Change(stored.revision, "ADDED", *place, None, stored))
        state.store.listeners.append(self._hear)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._state.store.listeners.remove(self._hear)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _hear(self, change: Change) -> None:
        for controller in self._controllers:
            for ref in controller.refs(self._state, change):
                self._schedule(controller, ref, self._state.config.settle_s)

    def _schedule(self, controller: Controller, ref: Ref, after_s: float) -> None:
        loop = asyncio.get_running_loop()
        known = self._timers.get((controller, ref))
        if known is not None:
            if known.when() <= loop.time() + after_s:
                return
            known.cancel()
        self._timers[controller, ref] = loop.call_later(after_s, self._run, controller, ref)

    def _run(self, controller: Controller, ref: Ref) -> None:
        del self._timers[controller, ref]
        try:
            again_s = controller.reconcile(self._state, ref)
        except ApiError as error:
            # What a controller wants may be refused for a while, as by a namespace that is going.
            log.debug("%s on %s refused: %s", type(controller).__name__, ref, error)
            again_s = RETRY_S if self._state.store.get(*ref) is not None else None
        if again_s is not None:
            self._schedule(controller, ref, again_s)
