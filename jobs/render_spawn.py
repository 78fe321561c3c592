"""How a renderer process is started: a new interpreter that knows nothing of the one that starts it.

`spawn` would run the worker's main module again in every renderer, and with it the whole stack of the worker (120 MB
for two renderers). `fork` is out of the question: Go's runtime does not survive it.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

_swap = threading.Lock()


class _SlimProcess(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with _main_hidden():
            return SpawnProcess._Popen(process_obj)


class _SlimContext(SpawnContext):
    Process = _SlimProcess


def slim_context() -> SpawnContext:
    """A spawn context whose processes do not import the main module of this one."""
    return _SlimContext()


@contextmanager
def _main_hidden() -> Iterator[None]:
    """`spawn` takes what to run again from `__main__`; an empty module has nothing to run."""
    with _swap:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
